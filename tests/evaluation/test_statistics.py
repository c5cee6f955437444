"""Win rates, and means of nothing."""

import math

import pytest

from rather.evaluation.statistics import mean, win_rate


def test_a_tie_is_half_a_win() -> None:
    # one win, one tie, one loss, one tie: 1 + ½ + 0 + ½ of 4
    found = win_rate([3.0, 1.0, 0.0, 5.0], [2.0, 1.0, 4.0, 5.0])
    assert (found.value, found.n) == (0.5, 4)
    assert win_rate([1.0, 2.0], [0.0, 0.0]).value == 1.0


def test_scores_are_compared_prompt_by_prompt() -> None:
    with pytest.raises(AssertionError, match="paired scores"):
        win_rate([1.0], [1.0, 2.0])


def test_mean() -> None:
    assert mean([1.0, 2.0, 6.0]) == 3.0
    assert math.isnan(mean([]))
