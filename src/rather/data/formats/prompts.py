"""Rows that only ask: prompt, question, text, instruction, turns, messages, or a line of text."""

from typing import Any

from rather.data.conversations import prompt_of
from rather.data.formats.draft import Draft


def read(values: dict[str, Any]) -> Draft:
    """The prompt of a row."""
    return Draft(*prompt_of(values))
