"""A thumb is kept, and no stage learns from it yet."""

import pytest

from rather.errors import DataError
from rather.feedback.thumb import Thumb


def test_json_there_and_back() -> None:
    assert Thumb("c1", True).to_answer() == {"completion_id": "c1", "good": True}
    assert Thumb.from_answer({"completion_id": "c1", "good": False}) == Thumb("c1", False)
    assert Thumb("c1", False).thumbs() == (("c1", False),)


@pytest.mark.parametrize("good", [1, "yes", None])
def test_only_true_and_false_will_do(good: object) -> None:
    with pytest.raises(DataError, match="wrong field good"):
        Thumb.from_answer({"completion_id": "c1", "good": good})


def test_what_is_said_of_one_answer() -> None:
    thumb = Thumb.from_said({"is_good": True}, ["x"])
    assert thumb == Thumb("x", True)
    assert thumb.to_said(["x"]) == {"kind": "thumb", "is_good": True}
    assert thumb.fits(Thumb("x", True))
    assert not thumb.fits(Thumb("x", False))
    assert list(Thumb.tasks(["x", "y"], 4)) == [("x",), ("y",)]
