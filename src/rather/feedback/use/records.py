"""The nouns of use: what the API gave, and what its users said about it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from rather.feedback.items import item_name
from rather.records import Message


@dataclass(frozen=True)
class KeptAnswer:
    """One completion that the API gave, kept for feedback as long as the settings say."""

    id: str
    """What the reply called it."""
    client: str
    """Whose it was: a name drawn from key or address that tells neither."""
    asked: str
    """The model as it was asked for: an alias, base or a version."""
    model: str
    """Who answered."""
    question: str
    """The same of all answers to the same conversation; tells nothing about it."""
    created_at: str
    seed: int
    sampling: dict[str, Any]
    finish_reason: str
    num_tokens: int
    messages: tuple[Message, ...] = ()
    """What was asked, redacted; empty where no texts are kept, or it was no conversation."""
    text: str | None = None
    """What was answered, redacted; None where no texts are kept."""
    redactions: dict[str, int] = field(default_factory=dict)
    """How much of each kind was taken out before it was stored."""


@dataclass(frozen=True)
class Reaction:
    """What a user said about served completions, without any of the texts: an event."""

    id: str
    kind: Literal["thumb", "pair", "ranking", "correction"]
    client: str
    asked: str
    """The model they had asked for; empty where they had named several."""
    served_ids: tuple[str, ...]
    """As shown to them."""
    models: tuple[str, ...]
    """Who had answered, in the same order."""
    ranks: tuple[int, ...]
    """1 is best, equal numbers tie; of one completion 1 (good) or 2 (bad), of none that compares
    nothing."""
    has_consent: bool
    """Whether they agree that models learn from it. Only then is there a judgment."""
    judgment_id: str | None
    idempotency_key: str
    request: str
    """Digest of what was sent, to tell a replay from another one with the same key."""
    created_at: str

    @property
    def item(self) -> str:
        """What it is about, in whatever order it was shown."""
        return item_name(self.kind, "", self.served_ids)
