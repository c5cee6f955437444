"""Rows that call one answer good or bad: TRL's {"prompt", "completion", "label": true | false}."""

from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import answer_of, conversation_of, prompt_of
from rather.data.formats.draft import Draft, imported_completion, labeller_of
from rather.feedback.thumb import Thumb


def read(values: dict[str, Any]) -> Draft:
    """The prompt of a row, its answer and the thumb."""
    whole = None if "prompt" in values else conversation_of(values)
    if whole is not None:
        messages, text = whole
        is_text = False
    else:
        messages, is_text = prompt_of(values)
        text = answer_of(values.get("completion"), "completion")
    if not isinstance(values.get("label"), bool):
        raise BadField("label", "must be true or false")
    completion = imported_completion(messages, text)
    thumb = Thumb(completion.id, values["label"])
    return Draft(messages, is_text, (completion,), ((labeller_of(values), thumb),))
