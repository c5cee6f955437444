"""Looking up what a judgment speaks of."""

import pytest

from rather.errors import DataError
from rather.feedback.answer import Judged, LeftOut, take
from rather.records import Judgment, Message, Prompt

JUDGED = Judged(
    Judgment("01", "thumb", "p1", "ann", {}, "2026", "k", False),
    Prompt("p1", (Message("user", "Why?"),), "train"),
    {"c1": "One."},
)


def test_unknown_texts_leave_a_judgment_out() -> None:
    assert JUDGED.text("c1") == "One."
    with pytest.raises(LeftOut, match="its completion c2 is not known"):
        JUDGED.text("c2")


def test_only_the_last_fields_may_be_missing() -> None:
    assert take("pair", {"a": 1}, ("a", "b?")) == [1, None]
    with pytest.raises(DataError, match="wrong field a: it is missing"):
        take("pair", {"b": 1}, ("a", "b?"))
