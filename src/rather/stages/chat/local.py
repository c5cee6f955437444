"""Answers by this workspace's own models, all at once, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rather.config.stages import Chat
from rather.data.identity import prompt_id
from rather.data.tokens import Codec
from rather.errors import UsageError
from rather.interrupts import Interrupted, listening, safe_point
from rather.models.backbone import Backbone
from rather.records import Message, Prompt
from rather.rollout.engine import Engine
from rather.rollout.requests import Request, Settings, Ticket
from rather.stages.chat.answers import Answered, Heard
from rather.stages.runs import open_library, policy_name
from rather.stages.sampling import seed_of
from rather.workspace import Workspace

UNFINISHED = "\ufffd"
"""How the text of a part of a character ends."""


@dataclass(frozen=True)
class Voice:
    """One model: its adapter on a backbone that others may share."""

    name: str
    backbone: Backbone
    adapter: str | None
    codec: Codec


@dataclass
class LocalSpeakers:
    """The policies of a workspace; those on one backbone decode in one batch."""

    voices: tuple[Voice, ...]
    section: Chat
    seed: int
    _engines: dict[int, Engine] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """As they are shown."""
        return tuple(voice.name for voice in self.voices)

    def answer(
        self, messages: Sequence[Message], number: int, heard: Heard
    ) -> tuple[Answered, ...]:
        """See `Speakers`."""
        said = tuple(messages)
        prompt = Prompt(prompt_id(said), said, "train")
        seed = seed_of(self.seed, prompt.id, "chat", {}, number)
        tickets = [self._submit(voice, prompt, seed) for voice in self.voices]
        try:
            with listening():
                self._decode(tickets, heard)
        except Interrupted as interrupt:
            for voice, ticket in zip(self.voices, tickets, strict=True):
                self._engine(voice).cancel(ticket)
            if interrupt.exit_code != 130:  # the process is to end, not only the answer
                raise
        return tuple(
            _answered(voice, ticket, seed)
            for voice, ticket in zip(self.voices, tickets, strict=True)
        )

    def _submit(self, voice: Voice, prompt: Prompt, seed: int) -> Ticket:
        section = self.section
        settings = Settings(
            section.temperature, section.max_new_tokens, voice.codec.stop_ids, section.top_p
        )
        request = Request(voice.codec.prompt_ids(prompt), (seed,))
        return self._engine(voice).submit(request, settings, voice.adapter)

    def _decode(self, tickets: Sequence[Ticket], heard: Heard) -> None:
        lengths = [0] * len(tickets)
        while not all(ticket.is_done for ticket in tickets):
            for engine in self._engines.values():
                safe_point()
                engine.step()
            for place, (voice, ticket) in enumerate(zip(self.voices, tickets, strict=True)):
                ids = ticket.completions[0].ids
                if len(ids) > lengths[place]:
                    lengths[place] = len(ids)
                    heard(place, voice.codec.text(tuple(ids)).removesuffix(UNFINISHED))

    def _engine(self, voice: Voice) -> Engine:
        key = id(voice.backbone)
        if key not in self._engines:
            self._engines[key] = Engine(voice.backbone)
        return self._engines[key]


def local_speakers(ws: Workspace, models: Sequence[str]) -> LocalSpeakers:
    """The named policies of a workspace, loaded, each once."""
    names = list(dict.fromkeys(policy_name(ws, model) for model in models))
    library: Any = open_library(ws)
    voices = []
    for name in names:
        policy, codec = library.policy(name), library.codec(name)
        if not codec.is_chat:
            raise UsageError(f"{name} has no chat template, so it cannot be talked with.")
        voices.append(Voice(name, policy.backbone, policy.adapter, codec))
    return LocalSpeakers(tuple(voices), ws.config.chat, ws.config.seed)


def _answered(voice: Voice, ticket: Ticket, seed: int) -> Answered:
    one = ticket.completions[0]
    ids = tuple(one.ids)
    return Answered(
        model=voice.name,
        text=voice.codec.text(ids),
        num_tokens=len(ids),
        is_cut_off=one.finish_reason == "length",
        is_stopped=one.finish_reason is None,
        seed=seed,
    )
