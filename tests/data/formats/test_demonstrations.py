"""Every usual shape of an ideal answer."""

from typing import Any

import pytest

from rather.data.collected import BadField
from rather.data.formats import demonstrations
from rather.feedback.demonstration import Demonstration

USER, SO = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, SO]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"prompt": "Why?", "completion": "So."},
        {"prompt": [USER], "completion": [SO]},
        {"prompt": [USER], "response": "So.", "answer": "72"},
        {"instruction": "Why?", "input": "", "output": "So."},
        {"question": "Why?", "answer": "So."},
    ],
)
def test_shapes(row: dict[str, Any]) -> None:
    draft = demonstrations.read(row)
    assert [message.content for message in draft.messages] == ["Why?"]
    assert draft.verdicts == (("imported", Demonstration("So.")),)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"prompt": "Why?"}, "completion"),
        ({"prompt": "Why?", "completion": "  "}, "completion"),
        ({"prompt": "", "completion": "So."}, "prompt"),
        ({"messages": [USER]}, "messages"),
    ],
)
def test_a_bad_row_names_its_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(BadField) as caught:
        demonstrations.read(row)
    assert caught.value.field == field
