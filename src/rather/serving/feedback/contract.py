"""`POST /v1/feedback`: what users say of what they were served."""

from typing import Annotated, Literal

from pydantic import Field

from rather.serving.contract.shape import Wire

MAX_COMPARED = 8
CompletionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Said(Wire):
    """What every kind of feedback says."""

    completion_ids: list[CompletionName] = Field(min_length=1, max_length=MAX_COMPARED)
    """The replies' ids; where n was more than 1, with the choice's index: `chatcmpl-…-0`."""
    consent: bool = False
    """Whether the user agrees that models learn from it."""
    comment: str = Field("", max_length=10_000)
    """In words, for people; kept only with consent, redacted."""
    idempotency_key: Key | None = None
    """The same key has its effect once; without one, so has the same feedback."""


class ThumbSaid(Said):
    """Good or bad."""

    kind: Literal["thumb"]
    completion_ids: list[CompletionName] = Field(min_length=1, max_length=1)
    good: bool


class PreferredSaid(Said):
    """Which of several answers to the same conversation one would rather have."""

    kind: Literal["preferred"]
    completion_ids: list[CompletionName] = Field(min_length=2, max_length=MAX_COMPARED)
    """As they were shown, left to right."""
    choice: int | Literal["tie", "both_bad"]
    """Number of the better one in `completion_ids`, from 0."""


class CorrectionSaid(Said):
    """The answer one would rather have had."""

    kind: Literal["correction"]
    completion_ids: list[CompletionName] = Field(min_length=1, max_length=1)
    text: str = Field(min_length=1, max_length=200_000)


FeedbackRequest = Annotated[ThumbSaid | PreferredSaid | CorrectionSaid, Field(discriminator="kind")]


class FeedbackReply(Wire):
    """It is stored, durably."""

    id: str
    object: Literal["feedback"] = "feedback"
    models: list[str]
    """Who had answered, in the order of `completion_ids`."""
    judgment_id: str | None
    """What models may learn from; null where they may not."""
    reason: Literal["no_consent", "texts_not_kept"] | None
    """Why they may not; it is counted all the same."""
    replayed: bool
    """Whether it was stored before."""
