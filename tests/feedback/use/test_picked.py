"""A choice among answers, as the kind of judgment it is."""

from typing import Any

import pytest

from rather.errors import DataError
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.use.picked import picked


@pytest.mark.parametrize(
    ("choice", "kept"), [(0, "A"), (1, "B"), ("tie", "tie"), ("both_bad", "both_bad")]
)
def test_of_two_it_is_a_pair(choice: Any, kept: Any) -> None:
    assert picked(["x", "y"], choice) == Pair("x", "y", kept)


@pytest.mark.parametrize(("choice", "ranks"), [(0, (1, 2, 2)), (2, (2, 2, 1)), ("tie", (1, 1, 1))])
def test_of_more_it_is_a_ranking(choice: Any, ranks: tuple[int, ...]) -> None:
    assert picked(["x", "y", "z"], choice) == Ranking(("x", "y", "z"), ranks)


@pytest.mark.parametrize("choice", [2, -1])
def test_there_must_be_such_an_answer(choice: int) -> None:
    with pytest.raises(DataError, match="no answer of that number"):
        picked(["x", "y"], choice)


def test_both_bad_is_said_of_two() -> None:
    with pytest.raises(DataError, match="of two answers only"):
        picked(["x", "y", "z"], "both_bad")
