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


class PromptTokensDetails(Wire):
    """What there is to say of a prompt's tokens."""

    cached_tokens: int
    """Those that were not computed again: an earlier text began alike."""


class Usage(Wire):
    """Tokens that were read and made."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | None = None


def usage_of(prompt_tokens: int, completion_tokens: int, cached_tokens: int | None = None) -> Usage:
    """Usage with its sum; None where nothing is known of cached tokens."""
    details = None if cached_tokens is None else PromptTokensDetails(cached_tokens=cached_tokens)
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
        prompt_tokens_details=details,
    )
