"""`POST /v1/feedback` and `POST /v1/compare`: what users say of answers, and two to choose from."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from rather.serving.contract.asking import Asking, Model
from rather.serving.contract.chat import MAX_MESSAGES, Answer, ChatMessage, Finish
from rather.serving.contract.shape import Usage, Wire

MAX_COMPARED = 8
CompletionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Said(Wire):
    """What every kind of feedback says."""

    completion_ids: list[CompletionName] = Field(min_length=1, max_length=MAX_COMPARED)
    """The replies' ids; where n was more than 1, with the choice's index: `chatcmpl-…-0`."""
    consent: StrictBool = False
    """Whether the user agrees that models learn from it."""
    comment: str = Field("", max_length=10_000)
    """In words, for people; kept only with consent, redacted."""
    idempotency_key: Key | None = None
    """The same key has its effect once; without one, so has the same said twice in a row."""


class ThumbSaid(Said):
    """Good or bad."""

    kind: Literal["thumb"]
    completion_ids: list[CompletionName] = Field(min_length=1, max_length=1)
    good: StrictBool


class PreferredSaid(Said):
    """Which of several answers to the same conversation one would rather have."""

    kind: Literal["preferred"]
    completion_ids: list[CompletionName] = Field(min_length=2, max_length=MAX_COMPARED)
    """As they were shown, left to right."""
    choice: StrictInt | Literal["tie", "both_bad"]
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


class CompareRequest(Asking):
    """One conversation for several versions: an extension of ours, without streaming."""

    model: Model = "prod"
    """Who answers, where `models` names nobody: the alias and the version it is compared with
    (`serve.ab.model`, else base)."""
    models: list[Model] = Field([], max_length=4)
    """Whose answers are wanted, two to four."""
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    is_blind: StrictBool = True
    """Whether the reply leaves out who wrote which; feedback on it tells."""

    @model_validator(mode="after")
    def _asks_for_what_can_be_compared(self) -> Self:
        if len(self.models) == 1:
            raise ValueError("models: name two to four, or none")
        if self.n != 1:
            raise ValueError("n: every model answers once")
        if self.stream or self.stream_options is not None:
            raise ValueError("stream is not supported here")
        return self


class ComparedChoice(Wire):
    """One answer, at its place."""

    index: int
    id: str
    """What it is called in feedback."""
    message: Answer
    finish_reason: Finish
    model: str | None
    """Who wrote it; null while blind."""


class CompareReply(Wire):
    """The answers, in an order drawn by chance."""

    id: str
    object: Literal["comparison"] = "comparison"
    created: int
    choices: list[ComparedChoice]
    usage: Usage
