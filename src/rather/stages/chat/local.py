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
from rather.rollout.local import engine_of
from rather.rollout.padded import PaddedEngine
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
    _engines: dict[int, Engine | PaddedEngine] = field(default_factory=dict)

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
        turn = _Turn(self.voices, heard)
        for place, voice in enumerate(self.voices):
            turn.tickets.append(self._submit(place, voice, prompt, seed, turn))
        try:
            with listening():
                while not all(ticket.is_done for ticket in turn.tickets):
                    for engine in self._engines.values():
                        engine.step()
        except Interrupted as interrupt:
            if not interrupt.is_ctrl_c:
                raise
        return tuple(
            _answered(voice, ticket, seed)
            for voice, ticket in zip(self.voices, turn.tickets, strict=True)
        )

    def _submit(self, place: int, voice: Voice, prompt: Prompt, seed: int, turn: "_Turn") -> Ticket:
        section = self.section
        settings = Settings(
            section.temperature, section.max_new_tokens, voice.codec.stop_ids, section.top_p
        )
        request = Request(voice.codec.prompt_ids(prompt), (seed,))
        return self._engine(voice).submit(
            request, settings, voice.adapter, lambda *_: turn.told(place)
        )

    def _engine(self, voice: Voice) -> Engine | PaddedEngine:
        key = id(voice.backbone)
        if key not in self._engines:
            self._engines[key] = engine_of(voice.backbone)
        return self._engines[key]


@dataclass
class _Turn:
    """Answers under way."""

    voices: tuple[Voice, ...]
    heard: Heard
    tickets: list[Ticket] = field(default_factory=list)

    def told(self, place: int) -> None:
        """One of them has a token more; after a signal all end here, between two tokens."""
        ids = tuple(self.tickets[place].completions[0].ids)
        self.heard(place, self.voices[place].codec.text(ids).removesuffix(UNFINISHED))
        try:
            safe_point()
        except Interrupted:  # said again where we stop listening, when the engines are at rest
            for ticket in self.tickets:
                ticket.is_cancelled = True


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
