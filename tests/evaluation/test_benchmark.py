"""Rows of a benchmark: right where the good answers lie above all others, by numbers."""

import pytest

from rather.equations.intervals import wilson
from rather.evaluation.benchmark import chance, outcome, share


@pytest.mark.parametrize(
    ("scores", "num_chosen", "expected"),
    [
        ([2.0, 1.0], 1, 1.0),
        ([1.0, 2.0], 1, 0.0),
        ([1.0, 1.0], 1, 1 / 2),  # as everywhere, an equal score is half
        ([3.0, 2.0, 1.0, 0.0], 1, 1.0),
        ([2.0, 1.0, 3.0, 0.0], 1, 0.0),  # above two of three is not right
        ([2.0, 2.0, 1.0, 2.0], 1, 1 / 3),  # one of three that are level at the top
        ([5.0, 3.0, 2.0, 1.0], 2, 1.0),
        ([5.0, 1.5, 2.0, 1.0], 2, 0.0),  # one good answer lies below a bad one
        ([5.0, 2.0, 2.0, 1.0], 2, 0.0),  # of several, each must lie above
    ],
)
def test_a_row_is_right_where_all_chosen_lie_above_all_rejected(
    scores: list[float], num_chosen: int, expected: float
) -> None:
    assert outcome(scores, num_chosen) == expected


def test_chance() -> None:
    assert chance(1, 1) == 1 / 2
    assert chance(1, 3) == 1 / 4
    assert chance(2, 2) == 1 / 6  # the two good ones first, of six ways to choose two of four


def test_the_share_stands_beside_what_length_alone_says() -> None:
    scores = [[1.0, 0.0], [0.0, 1.0, 2.0, 3.0], [4.0, 3.0, 0.0]]
    lengths = [[5.0, 9.0], [20.0, 9.0, 9.0, 9.0], [3.0, 4.0, 5.0]]
    found = share(scores, lengths, [1, 1, 2])
    assert found.accuracy == wilson(2, 3)
    assert (found.longer_wins, found.shorter_wins) == (1 / 3, 2 / 3)
