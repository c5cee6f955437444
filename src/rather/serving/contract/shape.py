"""The base of what crosses the wire: strict, and what is not supported is refused."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

MAX_MODEL_CHARACTERS = 200


class Wire(BaseModel):
    """Unknown fields are refused: a parameter that is ignored would be a lie."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _whole_characters(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a surrogate pair, which is not Unicode")
    return text


Unicode = Annotated[str, AfterValidator(_whole_characters)]
"""Text as a tokenizer takes it: JSON can spell what is none."""


class Usage(Wire):
    """Tokens that were read and made."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage_of(prompt_tokens: int, completion_tokens: int) -> Usage:
    """Usage with its sum."""
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
    )
