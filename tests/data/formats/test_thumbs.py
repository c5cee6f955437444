"""Rows that call one answer good or bad."""

import pytest

from rather.data.collected import BadField
from rather.data.formats import thumbs
from rather.feedback.thumb import Thumb

USER, SO = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "completion": "So.", "label": False},
        {"prompt": [USER], "completion": [SO], "label": False},
        {"messages": [USER, SO], "label": False},
    ],
)
def test_shapes(row: dict[str, object]) -> None:
    draft = thumbs.read(row)
    (completion,) = draft.completions
    assert completion.text == "So."
    assert draft.verdicts == (("imported", Thumb(completion.id, False)),)


@pytest.mark.parametrize("label", [1, "true", None])
def test_only_true_and_false_will_do(label: object) -> None:
    with pytest.raises(BadField, match="label must be true or false"):
        thumbs.read({"prompt": "Why?", "completion": "So.", "label": label})
