"""The bootstrap: seeded, bounded, and silent where nothing varies."""

import numpy as np
import pytest

from rather.feedback.agreement.resampling import bootstrap


def test_the_mean_of_a_coin() -> None:
    # 100 items, 60 of them 1: the standard error is √(.6 · .4 / 100) = .049, so .6 ± .096
    patterns, times = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([60, 40])
    found = bootstrap(patterns, times, lambda sums: sums[:, 0] / sums[:, 1])
    assert (found.value, found.n) == (0.6, 100)
    assert found.low == pytest.approx(0.504, abs=0.02)
    assert found.high == pytest.approx(0.696, abs=0.02)
    assert bootstrap(patterns, times, lambda sums: sums[:, 0] / sums[:, 1]) == found


def test_no_interval_where_nothing_varies_or_little_is_defined() -> None:
    patterns, times = np.array([[1.0], [2.0]]), np.array([3, 3])
    same = bootstrap(patterns, times, lambda sums: np.ones(len(sums)))
    assert (same.value, same.low, same.high) == (1.0, None, None)
    # defined for the data alone (3 + 6 = 9), and for one resample in five or so
    rare = bootstrap(patterns, times, lambda sums: np.where(sums[:, 0] == 9, 1.0, np.nan))
    assert (rare.value, rare.low, rare.high) == (1.0, None, None)
    never = bootstrap(patterns, times, lambda sums: np.full(len(sums), np.nan))
    assert never.value is None


def test_the_number_of_resamples_is_bounded() -> None:
    drawn: list[int] = []

    def count(sums: np.ndarray) -> np.ndarray:
        drawn.append(len(sums))
        return sums[:, 0]

    for num_patterns in (2, 4_000, 100_000):
        bootstrap(np.ones((num_patterns, 1)), np.ones(num_patterns, int), count)
    assert drawn == [1, 1000, 1, 500, 1, 200]
