"""What the page sends and gets: exactly these fields, so that nothing can leak by accident.

No model, adapter, reward, order or round is in here, and no test may add one.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rather.records import Choice

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
ItemId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000


class Shape(BaseModel):
    """Strict both ways: unknown fields are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Rendered(Shape):
    """A text twice: sanitised HTML, and as it is with hidden characters made visible."""

    html: str
    text: str


class Turn(Rendered):
    """One turn of the prompt's conversation."""

    role: str


class Progress(Shape):
    """How far this labeller is."""

    done: int
    remaining: int
    goal: int
    """Judgments a round waits for before it trains."""


class Guidelines(Shape):
    """What labellers are told, and which version of it."""

    html: str
    hash: str


class NextReply(Shape):
    """A pair to judge, or (item_id null) nothing left."""

    item_id: str | None
    prompt: list[Turn]
    left: Rendered | None
    right: Rendered | None
    progress: Progress
    guidelines: Guidelines


class MeReply(Shape):
    """Who is logged in, and where."""

    id: str
    name: str
    role: str
    workspace: str


class JudgmentRequest(Shape):
    """One choice; the server knows which completions were left and right."""

    item_id: ItemId
    choice: Choice
    ms_to_decision: int = Field(ge=0, le=MAX_MILLISECONDS)
    idempotency_key: Key
    guidelines_hash: str = Field(pattern=r"^[0-9a-f]{0,64}$")
    strength: int | None = Field(None, ge=1, le=3)

    @model_validator(mode="after")
    def _strength_needs_a_winner(self) -> Self:
        if self.strength is not None and self.choice not in ("A", "B"):
            raise ValueError("strength goes with A or B only")
        return self


class JudgmentReply(Shape):
    """The stored judgment; `replayed` where its idempotency key was known already."""

    judgment_id: str
    item_id: str
    choice: Choice
    replayed: bool


class UndoRequest(Shape):
    """Takes back the labeller's last judgment."""

    idempotency_key: Key
