"""What both ways of asking have in common, with the parameters of OpenAI's that we know.

Those that change the answer and are not supported may only have the value that changes nothing.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rather.serving.contract.shape import MAX_MODEL_CHARACTERS, Wire

MAX_COMPLETIONS = 8
"""Of one request: more is a way to keep a server busy."""
MAX_STOPS = 4
MAX_TOP_LOGPROBS = 20
MAX_TEMPERATURE = 2.0
SEED_BITS = 64

Stop = Annotated[str, Field(min_length=1, max_length=200)]
Model = Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARACTERS)]


def _nothing(value: Any) -> Any:
    """None for an empty object or list, which ask for nothing."""
    return None if value in ({}, []) else value


Nothing = Annotated[None, BeforeValidator(_nothing)]
"""A parameter that is not supported, and may be there as long as it asks for nothing."""


class StreamOptions(Wire):
    """What a stream says beside the text."""

    include_usage: bool = False
    """Whether a last chunk counts the tokens."""


class Asking(Wire):
    """How completions are drawn."""

    model: Model
    """`base`, a version's name or an alias."""
    n: int = Field(1, ge=1, le=MAX_COMPLETIONS)
    """Completions wanted."""
    temperature: float = Field(1.0, ge=0, le=MAX_TEMPERATURE)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    """Most tokens of a completion."""
    stop: Stop | list[Stop] | None = None
    """Up to four texts that end a completion; they are not part of it."""
    seed: int | None = Field(None, ge=-(1 << (SEED_BITS - 1)), lt=1 << SEED_BITS)
    """The same seed draws the same completions; without one they are drawn anew each time."""
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=200)
    """Not used: clients are told apart by their keys."""
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None
    logit_bias: Nothing = None
    service_tier: Literal["auto", "default"] | None = None

    @model_validator(mode="after")
    def _is_moderate(self) -> Self:
        if len(self.stops) > MAX_STOPS:
            raise ValueError(f"stop: at most {MAX_STOPS} texts")
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options needs stream: true")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop texts, however they were given."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
