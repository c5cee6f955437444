"""Where what is said of answers goes: into the workspace, or to the server that gave them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rather.config.stages import Chat
from rather.data.identity import completion_id, prompt_id
from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.events import new_id
from rather.feedback.use.picked import Pick, picked
from rather.records import Completion, Message, Prompt
from rather.stages.chat.answers import Answered
from rather.stages.chat.server import Server
from rather.store import completions, labellers, prompts
from rather.store.database import Database
from rather.store.use import picks


@dataclass(frozen=True)
class StoreMemory:
    """Judgments of the workspace's owner with source `playground`, as the playground page has them.

    What nothing is said of is not stored.
    """

    db: Database
    section: Chat
    where: str = "What you pick or edit is kept in this workspace, and trains."

    def prefer(
        self, messages: Sequence[Message], answers: Sequence[Answered], choice: Pick
    ) -> None:
        """See `Memory`."""
        given = [self._stored(messages, one) for one in answers]
        self._say(given[0], picked([one.id for one in given], choice))

    def correct(self, messages: Sequence[Message], answer: Answered, text: str) -> None:
        """See `Memory`."""
        about = self._stored(messages, answer)
        self._say(about, Correction(about.id, text))

    def _say(self, about: Completion, answer: Answer) -> None:
        labellers.add(self.db, [labellers.OWNER])
        picks.say(self.db, about, labellers.OWNER, answer, new_id())

    def _stored(self, messages: Sequence[Message], answer: Answered) -> Completion:
        said = tuple(messages)
        prompt = Prompt(prompt_id(said), said, "train", source="playground")
        sampling = {
            "temperature": self.section.temperature,
            "top_p": self.section.top_p,
            "max_new_tokens": self.section.max_new_tokens,
            "purpose": "playground",
        }
        completion = Completion(
            id=completion_id(prompt.id, answer.model, sampling, answer.seed, answer.text),
            prompt_id=prompt.id,
            text=answer.text,
            model=answer.model,
            sampling=sampling,
            seed=answer.seed,
            finish_reason="length" if answer.is_cut_off else "stop",
            num_tokens=answer.num_tokens,
        )
        prompts.add(self.db, [prompt])
        completions.add(self.db, [completion])
        return completion


@dataclass(frozen=True)
class ServerMemory:
    """Feedback to the server that answered."""

    server: Server
    has_consent: bool

    @property
    def where(self) -> str:
        """In words."""
        may = "which may learn from it" if self.has_consent else "which may only count it"
        return f"What you pick or edit is sent to {self.server.url}, {may}."

    def prefer(
        self, messages: Sequence[Message], answers: Sequence[Answered], choice: Pick
    ) -> None:
        """See `Memory`."""
        self._say("preferred", answers, choice=choice)

    def correct(self, messages: Sequence[Message], answer: Answered, text: str) -> None:
        """See `Memory`."""
        self._say("correction", [answer], text=text)

    def _say(self, kind: str, answers: Sequence[Answered], **said: Any) -> None:
        body = {
            "kind": kind,
            "completion_ids": [one.id for one in answers],
            "consent": self.has_consent,
            "idempotency_key": new_id(),
            **said,
        }
        self.server.json("/feedback", body)
