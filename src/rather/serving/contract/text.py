"""`/v1/completions`: OpenAI's shapes."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError, model_validator

from rather.serving.contract.asking import MAX_COMPLETIONS, Asking
from rather.serving.contract.chat import MAX_CHARACTERS, Finish
from rather.serving.contract.shape import Unicode, Usage, Wire

MAX_LOGPROBS = 5
MAX_PROMPTS = 32
MAX_CHOICES = 64
"""Completions of one request, over all its prompts."""
MAX_TOKEN = (1 << 31) - 1

Text = Annotated[Unicode, Field(min_length=1, max_length=MAX_CHARACTERS)]
Tokens = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=0, le=MAX_TOKEN)], ...],
    Field(min_length=1, max_length=MAX_CHARACTERS),
]
TextPrompt = Text | Tokens
Several = Annotated[tuple[TextPrompt, ...], Field(min_length=1, max_length=MAX_PROMPTS)]
_SEVERAL: TypeAdapter[tuple[TextPrompt, ...]] = TypeAdapter(Several)


def _prompts(value: Any) -> tuple[TextPrompt, ...]:
    """However they were given: one text, one list of tokens, or a list of either."""
    is_one = isinstance(value, str) or (
        isinstance(value, list) and bool(value) and not isinstance(value[0], str | list)
    )
    try:
        return _SEVERAL.validate_python([value] if is_one else value)
    except ValidationError:
        raise ValueError(
            f"give a text, a list of token ids, or a list of up to {MAX_PROMPTS} of either, none "
            f"of them empty or longer than {MAX_CHARACTERS}"
        ) from None


Prompts = Annotated[
    tuple[TextPrompt, ...],
    PlainValidator(_prompts, json_schema_input_type=Text | Tokens | Several),
]


class TextRequest(Asking):
    """Texts to go on with, as they stand: no chat template is put around them."""

    prompts: Prompts = Field(alias="prompt")
    """A text or its token ids, or several of them: the choices of the first come first."""
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    best_of: int | None = Field(None, ge=1, le=MAX_COMPLETIONS)
    echo: Literal[False] | None = None
    suffix: None = None

    @model_validator(mode="after")
    def _draws_only_what_it_gives(self) -> Self:
        if self.best_of not in (None, self.n):
            raise ValueError("best_of is not supported; it may only be what n is")
        if len(self.prompts) * self.n > MAX_CHOICES:
            raise ValueError(f"prompt: at most {MAX_CHOICES} completions, n of each prompt")
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
