"""Intervals by hand, and what must hold of every one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.equations.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # 8 of 10: centre (.8 + 3.8415/20)/(1.38415) = .7167, half width .2265
        (8, 10, 0.4902, 0.9433),
        # 0 of 10: low 0, high z²/(10 + z²) = 3.8415/13.8415
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        # 50 of 100: half width 1.96·√(.0025 + .0000960)/1.0384 = .0962
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson_by_hand(successes: float, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.value, found.n) == (successes / n, n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_nothing_tried_says_nothing() -> None:
    found = wilson(0, 0)
    assert math.isnan(found.value)
    assert found[1:] == (0.0, 1.0, 0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, 2 * n), st.just(n))))
def test_an_interval_holds_its_share(case: tuple[int, int]) -> None:
    halves, n = case
    found = wilson(halves / 2, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = wilson(n - halves / 2, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))
    assert wilson(2 * halves, 4 * n).high - wilson(2 * halves, 4 * n).low < found.high - found.low
