"""Reliability by hand, and the temperature where it is known."""

import math

import pytest

from rather.equations.calibration import fitted_temperature, reliability


def test_bins_by_hand() -> None:
    # σ(ln 3) = 0.75: three right and one wrong are as sure as they should be
    exact = [math.log(3)] * 3 + [-math.log(3)]
    found = reliability(exact)
    assert found.error == pytest.approx(0.0)
    (full,) = [one for one in found.bins if one.n]
    assert (full.n, full.accuracy) == (4, 0.75)
    assert full.confidence == pytest.approx(0.75)
    # σ(ln 9) = 0.9 in 2 pairs, one right: |0.5 − 0.9|; σ(0) = ½ in 2, half right: 0
    found = reliability([math.log(9), -math.log(9), 0.0, 0.0])
    assert found.error == pytest.approx(0.5 * 0.4)
    assert found.bins[0].n == 2
    assert (found.bins[0].low, found.bins[-1].high) == (0.5, 1.0)


def test_certainty_is_halved_by_twice_the_temperature() -> None:
    # 2·ln 7 over 2: σ(ln 7) = 0.875
    found = reliability([2 * math.log(7)] * 4, 2.0)
    assert found.bins[7].confidence == pytest.approx(0.875)
    assert found.error == pytest.approx(0.125)


def test_the_temperature_is_found() -> None:
    # 3 of 4 right at a margin of ±2·ln 3: the likeliest certainty is ¾ = σ(ln 3), so T = 2
    margin = 2 * math.log(3)
    assert fitted_temperature([margin] * 3 + [-margin]) == pytest.approx(2.0)
    assert fitted_temperature([margin / 8] * 3 + [-margin / 8]) == pytest.approx(0.25)


def test_where_there_is_no_temperature() -> None:
    assert fitted_temperature([1.0, 2.0]) == 0.0
    assert fitted_temperature([1.0, -1.0]) == math.inf
    assert math.isnan(fitted_temperature([]))
    assert math.isnan(reliability([]).error)
