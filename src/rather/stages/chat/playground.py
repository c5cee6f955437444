"""Answers the playground's questions with this machine's own models.

The backbone is loaded at the first question, and each version's adapter when it is first asked.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rather.data.identity import prompt_id
from rather.errors import EnvironmentFault
from rather.records import Message, Prompt
from rather.store import versions
from rather.web.responder import Answered, Drawing
from rather.workspace import Workspace

if TYPE_CHECKING:
    from rather.models.library import Library

WRITERS = ("sft", "dpo", "ppo")
"""Stages whose versions write answers."""


def responder_of(ws: Workspace) -> "LocalResponder | None":
    """Who answers in this workspace's playground; None where PyTorch is not installed."""
    return LocalResponder(ws) if find_spec("torch") else None


class LocalResponder:
    """Every policy of a workspace on one backbone; asked by one thread at a time."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._library: Library | None = None
        self._is_closed = False

    def models(self) -> list[str]:
        """base, then the policies by age; those made since the last question are among them."""
        made = [one.name for one in versions.all(self._ws.db) if one.stage in WRITERS]
        return ["base", *made]

    def answer(self, messages: Sequence[Message], model: str, drawing: Drawing) -> Answered:
        """The model's answer to the conversation."""
        # imported here: most who label never ask a model, and torch takes seconds to start
        from rather.rollout import local

        library = self._open()
        policy, codec = library.policy(model), library.codec(model)
        said = tuple(messages)
        ids = codec.prompt_ids(Prompt(prompt_id(said), said, "train"))
        settings = local.Settings(drawing.temperature, drawing.max_new_tokens, codec.stop_ids)
        request = local.Request(ids, (drawing.seed,))
        ((one,),) = local.sample(policy.backbone, policy.adapter, [request], settings, self._go_on)
        return Answered(codec.text(one.ids), len(one.ids), one.finish_reason == "length")

    def close(self) -> None:
        """Break off the answer under way; the server is ending."""
        self._is_closed = True

    def _go_on(self, tokens: int) -> None:
        if self._is_closed:
            raise EnvironmentFault("The server ended before the answer did; ask again.")

    def _open(self) -> "Library":
        """The models, with the versions there are now."""
        # imported here, as above
        from rather.stages.runs import open_library

        if self._library is None:
            self._library = open_library(self._ws)
        known = {version.name: version for version in versions.all(self._ws.db)}
        self._library.versions.update(known)
        return self._library
