"""What a format makes of one row, before anybody knows which of it is new."""

from dataclasses import dataclass
from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import Messages, text_of
from rather.data.identity import completion_id, prompt_id
from rather.feedback.answer import Answer
from rather.records import Completion

NAMELESS = "imported"
"""The labeller, and the model, of rows that name none."""


@dataclass(frozen=True)
class Draft:
    """One row: a prompt, its completions, and what was said of them by whom."""

    messages: Messages
    is_text: bool
    completions: tuple[Completion, ...] = ()
    verdicts: tuple[tuple[str, Answer], ...] = ()
    """(labeller's name, what was said)."""


def imported_completion(messages: Messages, text: str, model: str = NAMELESS) -> Completion:
    """A completion that somebody else's model gave, by unknown means."""
    prompt = prompt_id(messages)
    id = completion_id(prompt, model, {}, 0, text)
    return Completion(id, prompt, text, model, finish_reason="imported")


def labeller_of(values: dict[str, Any]) -> str:
    """The name of the row's labeller, where it gives one."""
    for field in ("labeller", "annotator", "judge"):
        if values.get(field):
            return text_of(values[field], field)
    return NAMELESS


def require_different(first: str, second: str, field: str) -> None:
    """BadField where two answers that were compared are the same text."""
    if first == second:
        raise BadField(field, "is identical to the other answer")
