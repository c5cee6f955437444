"""Rows with an ideal answer: TRL's messages or prompt and completion, Alpaca, ShareGPT.

{"messages": [...]}                     the last turn is the answer
{"conversations": [{"from", "value"}]}  the same, ShareGPT
{"prompt", "completion"}                also "response" (rows of this project), "output", "answer"
{"instruction", "input", "output"}      Alpaca
"""

from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import answer_of, conversation_of, prompt_of
from rather.data.formats.draft import Draft, labeller_of
from rather.feedback.demonstration import Demonstration

ANSWERS = ("completion", "response", "output", "answer")


def read(values: dict[str, Any]) -> Draft:
    """The prompt of a row and what was written for it."""
    whole = None if "prompt" in values else conversation_of(values)
    if whole is not None:
        messages, text = whole
        is_text = False
    else:
        messages, is_text = prompt_of(values)
        field = next((name for name in ANSWERS if name in values), None)
        if field is None:
            raise BadField("completion", "is missing")
        text = answer_of(values[field], field)
    return Draft(messages, is_text, verdicts=((labeller_of(values), Demonstration(text)),))
