"""Regular expressions that a user gave."""

from typing import Any

# Not `re`, whose search cannot be stopped when a pattern explodes.
import regex

MAX_SECONDS = 0.5


def compiled(pattern: str) -> Any:
    """A user's pattern, blind to case; ValueError where it is none or matches nothing at all."""
    try:
        made = regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if made.match("", timeout=MAX_SECONDS):
        raise ValueError(f"{pattern!r} matches the empty text, which is everywhere")
    return made
