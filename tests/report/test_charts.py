"""Charts draw what they are given and tell it to those who cannot see."""

import pytest

from rather.report.charts import curve_panel, frontier, histogram, reliability, win_rates
from rather.report.evaluated import (
    CalibrationBin,
    FrontierPoint,
    PolicyResult,
    Rate,
    rates_of,
)
from rather.report.model import Line, Panel

NAN = float("nan")


def label_of(svg: str) -> str:
    return svg.split('aria-label="')[1].split('"')[0]


def test_curve_panel_tells_where_each_line_begins_and_ends() -> None:
    lines = (Line("training", (1, 2, 3), (0.7, NAN, 0.5)), Line("held-out", (2,), (float("inf"),)))
    svg = curve_panel("k", Panel("Loss", lines))
    assert label_of(svg) == "Loss: training from 0.7 to 0.5"
    assert ">training<" in svg
    assert ">step<" in svg


def test_curve_panel_without_a_finite_value_still_draws() -> None:
    svg = curve_panel("k", Panel("KL", (Line("KL", (1, 2), (NAN, NAN)),)))
    assert label_of(svg) == "KL: no finite values"


def test_win_rates_have_a_row_for_each_judge_a_policy_has() -> None:
    rate = Rate(0.8, 0.7, 0.9, 30)
    policies = (
        PolicyResult("base", is_baseline=True),
        PolicyResult(
            "ppo-1",
            win_rates={"judge": Rate(1.0, 0.9, 1.0), "gold": rate},
            length_controlled={"gold": Rate(0.6, 0.4, 0.8)},
        ),
        PolicyResult("dpo-1", win_rates={"human": Rate(0.0, 0.0, 0.1)}),
    )
    svg = win_rates("win", policies)
    for row in ("ppo-1 · gold score", "ppo-1 · independent judge", "dpo-1 · people"):
        assert f">{row}<" in svg
    assert "reward model" not in svg
    assert "◇ at equal length" in svg
    assert "◇" not in win_rates("win", [policies[0], policies[2]])
    assert list(rates_of(policies[1])) == ["gold", "judge"]  # to be believed first in front
    assert rates_of(policies[0]) == {}


def test_calibration_shows_how_many_pairs_stand_behind_each_mark() -> None:
    bins = (CalibrationBin(0.55, 0.5, 12), CalibrationBin(0.9, 0.7, 31))
    svg = reliability("c", "reward-1", bins)
    assert label_of(svg) == (
        "Calibration of reward-1: 55% sure, 50% right of 12; 90% sure, 70% right of 31"
    )
    for text in ("as sure as right", "reward-1", "12", "31"):
        assert f">{text}<" in svg


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0), (2.0, 2.0), (NAN, 1.0)])
def test_histogram_of_any_spread(values: tuple[float, ...]) -> None:
    svg = histogram("h", "Score", "score", {"base": values, "ppo-1": (5.0,), "dpo-1": ()})
    assert ">ppo-1<" in svg
    assert ">dpo-1<" not in svg
    assert "ppo-1 mean 5" in label_of(svg)


def test_frontier_names_its_policies_in_the_order_given() -> None:
    points = (FrontierPoint("ppo-1", 10.0, 2.0), FrontierPoint("base", 0.0, 0.0))
    svg = frontier("f", points, ["base", "ppo-1", "absent"])
    assert svg.index(">base<") < svg.index(">ppo-1<")
    assert ">absent<" not in svg
    assert "ppo-1 KL 10, score 2" in label_of(svg)
