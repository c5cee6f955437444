"""The report's data as JSON."""

import json

from rather.report.evaluated import Rate, RewardResult
from rather.report.model import Line, Panel, Report, to_json


def test_json_holds_the_numbers_and_null_for_what_is_not_finite() -> None:
    report = Report(
        "Round 1",
        reward_models=(RewardResult("reward-1", Rate(0.8, 0.7, float("nan"), 40)),),
        config={"seed": 3, "nested": {"rate": float("inf")}},
    )
    data = json.loads(to_json(report, {"tone": "none"}))
    assert data["title"] == "Round 1"
    assert data["reward_models"][0]["accuracy"] == {"value": 0.8, "low": 0.7, "high": None, "n": 40}
    assert data["config"] == {"seed": 3, "nested": {"rate": None}}


def test_records_are_values() -> None:
    panel = Panel("Loss", (Line("loss", (1,), (0.5,)),))
    assert panel == Panel("Loss", (Line("loss", (1,), (0.5,)),))
