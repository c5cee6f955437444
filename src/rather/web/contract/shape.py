"""The base of everything that crosses the wire, and the texts and ids that all of it is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""An idempotency key; the sender draws it."""
ItemId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
LabellerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
JudgmentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000
MAX_CHARACTERS = 200_000


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


class Done(Shape):
    """It is stored."""

    replayed: bool = False
    """Whether its idempotency key was known already."""


class Fault(Shape):
    """What went wrong, in words for people and codes for programs."""

    message: str
    type: str
    param: str | None
    """The field it is about."""
    code: str | None


class FaultReply(Shape):
    """Every answer of the API that is not a success."""

    error: Fault
