"""`/v1/completions`: OpenAI's shapes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rather.serving.contract.asking import MAX_COMPLETIONS, Asking
from rather.serving.contract.chat import MAX_CHARACTERS, Finish
from rather.serving.contract.shape import Unicode, Usage, Wire

MAX_LOGPROBS = 5


class TextRequest(Asking):
    """A text to go on with, as it stands: no chat template is put around it."""

    prompt: Unicode = Field(min_length=1, max_length=MAX_CHARACTERS)
    """One text; ask once for each of several."""
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    best_of: int | None = Field(None, ge=1, le=MAX_COMPLETIONS)
    echo: Literal[False] | None = None
    suffix: None = None

    @model_validator(mode="after")
    def _draws_only_what_it_gives(self) -> Self:
        if self.best_of not in (None, self.n):
            raise ValueError("best_of is not supported; it may only be what n is")
        return self


class TextLogprobs(Wire):
    """Log-probabilities of a completion's tokens, in the older shape."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


class TextChoice(Wire):
    """One completion, or a piece of it."""

    index: int
    text: str
    logprobs: TextLogprobs | None = None
    finish_reason: Finish | None = None


class TextReply(Wire):
    """All completions of a request, or an event of a stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    """The version that answered, never an alias."""
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage | None = None
