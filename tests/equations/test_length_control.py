"""The length-controlled win rate, against models with a closed solution."""

import math

import pytest

from rather.equations.length_control import length_controlled


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_answers_of_one_length_are_judged_as_they_are() -> None:
    # Jeffreys' prior on a share: (3 + ½) / (4 + 1)
    found = length_controlled([1, 1, 1, 0], [0, 0, 0, 0])
    assert found.value == pytest.approx(0.7)
    assert found.n == 4
    # the information of α is n·p(1 − p) = 4 · 0.21
    error = 1 / math.sqrt(4 * 0.21)
    assert logit(found.low) == pytest.approx(logit(0.7) - 1.959964 * error, rel=1e-5)


def test_two_lengths_are_two_shares() -> None:
    # 6 of 8 won where longer, 2 of 8 where shorter, both by 10: tanh(±1) is one column for each
    # group, so the fit is exact: shares 6.5/9 and 2.5/9, whose logits are opposite: α = 0
    outcomes = [1.0] * 6 + [0.0] * 2 + [1.0] * 2 + [0.0] * 6
    found = length_controlled(outcomes, [10.0] * 8 + [-10.0] * 8)
    assert found.value == pytest.approx(0.5)
    # 7 and 5 of 8: (logit(7.5/9) + logit(5.5/9)) / 2 = (1.6094379 + 0.4519851) / 2
    outcomes = [1.0] * 7 + [0.0] + [1.0] * 5 + [0.0] * 3
    found = length_controlled(outcomes, [10.0] * 8 + [-10.0] * 8)
    assert logit(found.value) == pytest.approx(1.0307115)


def test_a_model_that_only_got_longer_is_found_out() -> None:
    # it wins where it is longer, and only there: 40 of 50 pairs, by 5 to 40 tokens
    differences = [5.0 + (7 * i) % 36 for i in range(40)] + [-5.0 - i for i in range(10)]
    outcomes = [1.0] * 40 + [0.0] * 10
    found = length_controlled(outcomes, differences)
    assert found.low < 0.5 < found.high
    # the same wins without anything to do with length
    fair = length_controlled(outcomes, [(-1.0) ** i * (5 + i % 7) for i in range(50)])
    assert fair.low > 0.6


def test_who_is_called_ours_does_not_matter() -> None:
    outcomes = [1.0, 0.5, 0.0, 1.0, 1.0, 0.0, 1.0]
    differences = [4.0, -2.0, -7.0, 1.0, 9.0, 3.0, 0.0]
    ours = length_controlled(outcomes, differences)
    theirs = length_controlled([1 - y for y in outcomes], [-d for d in differences])
    assert theirs.value == pytest.approx(1 - ours.value)
    assert theirs.low == pytest.approx(1 - ours.high)


def test_always_longer_by_as_much_says_nothing() -> None:
    found = length_controlled([1.0] * 20, [30.0] * 20)
    assert math.isnan(found.value)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 20)


def test_a_clean_sweep_has_a_finite_rate() -> None:
    found = length_controlled([1.0] * 30, [float(i % 5 - 2) for i in range(30)])
    assert 0.9 < found.value < 1.0
    assert found.low > 0.5


def test_nothing() -> None:
    assert length_controlled([], [])[1:] == (0.0, 1.0, 0)
