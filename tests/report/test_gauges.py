"""Gauges show what the stop rules know, in their own units, and agree with them on every limit."""

from typing import Any

import pytest

from rather.config.ppo import KL, PPO, StopRules
from rather.config.stages import DPO
from rather.records import Alarm
from rather.report.gauges import DPO_RULES, PPO_RULES, Gauge, gauges
from rather.training.judging import judge
from rather.training.rules import RULES, Memory

QUIET = {
    "objective/kl": 1.0,
    "objective/kl_error": 0.1,
    "objective/kl_k3": 0.0,
    "objective/entropy": 40.0,
    "objective/mismatch_kl": 0.001,
    "length": 20.0,
    "eos_rate": 0.8,
    "distinct_2": 0.6,
    "heldout/proxy": 0.0,
    "heldout/score": 0.0,
    "val/ratio": 1.0,
}
SECTION = PPO(kl=KL(target_kl=8.0), rules=StopRules(heldout_reward="vader", max_kl=60.0))


def after(*steps: dict[str, float], section: PPO = SECTION) -> dict[str, Gauge]:
    """The gauges after a quiet first step and these changes of it."""
    memory: Memory = {}
    newest: dict[str, tuple[int, float]] = {}
    alarms: list[tuple[int, Alarm]] = []
    for step, changed in enumerate([{}, *steps]):
        metrics = QUIET | changed
        recorded, said = judge(section, metrics, memory)
        newest |= {name: (step, value) for name, value in {**metrics, **recorded}.items()}
        alarms += [(step, alarm) for alarm in said]
    found = gauges("ppo", section.model_dump(mode="json"), newest, alarms)
    return {gauge.rule: gauge for gauge in found}


def test_every_rule_is_shown() -> None:
    assert [rule.name for rule in PPO_RULES] == [*RULES, "ratio"]
    assert [rule.name for rule in DPO_RULES] == ["chosen"]
    assert [gauge.state for gauge in after({}).values()] == ["quiet"] * 13


@pytest.mark.parametrize(
    ("rule", "changed", "value", "warn_at", "stop_at"),
    [
        ("mismatch_kl", {"objective/mismatch_kl": 0.011}, 0.011, 0.01, 0.05),
        ("kl", {"objective/kl": 31.0, "length": 39.0}, 31.0, 30.0, 60.0),
        ("token_kl", {"objective/kl": 10.1}, 0.505, 0.5, 1.0),  # of 20 tokens
        ("target_kl", {"objective/kl": 9.0}, 9.0, 8.0, 24.0),
        ("negative_kl", {"objective/kl": -1.0}, 1.0, 1.0, 3.0),
        ("length", {"length": 31.0}, 1.55, 1.5, 2.0),
        ("short", {"length": 3.9, "objective/entropy": 8.0}, 0.195, 0.2, 0.1),
        ("eos", {"eos_rate": 0.39}, 0.4875, 0.5, 0.2),
        ("entropy", {"objective/entropy": 7.8}, 0.195, 0.2, 0.1),
        ("distinct", {"distinct_2": 0.294}, 0.49, 0.5, 0.25),
        ("heldout", {"heldout/proxy": 1.0, "heldout/score": -1.0}, 1.0, 1.0, 3.0),
    ],
)
def test_a_warning_in_the_rules_own_unit(
    rule: str, changed: dict[str, float], value: float, warn_at: float, stop_at: float
) -> None:
    gauge = after(changed)[rule]
    assert gauge.value == pytest.approx(value)
    assert (gauge.warn_at, gauge.stop_at) == (pytest.approx(warn_at), pytest.approx(stop_at))
    assert gauge.rises == (stop_at > warn_at)
    assert gauge.state == "warned"
    assert after(changed, {})[rule].state == "quiet"


@pytest.mark.parametrize("is_past", [False, True])
@pytest.mark.parametrize(
    ("rule", "changed"),
    [  # the limit of a warning, and an eighth of it nearer to or further from quiet
        ("mismatch_kl", lambda by: {"objective/mismatch_kl": 0.01 * by}),
        ("kl", lambda by: {"objective/kl": 30.0 * by, "length": 39.0}),
        ("length", lambda by: {"length": 30.0 * by}),
        ("eos", lambda by: {"eos_rate": 0.4 / by}),
        ("distinct", lambda by: {"distinct_2": 0.3 / by}),
        ("entropy", lambda by: {"objective/entropy": 8.0 / by}),
    ],
)
def test_the_rules_warn_where_the_gauges_say(rule: str, changed: Any, is_past: bool) -> None:
    gauge = after(changed(9 / 8 if is_past else 8 / 9))[rule]
    assert gauge.value is not None and gauge.warn_at is not None
    beyond = gauge.value > gauge.warn_at if gauge.rises else gauge.value < gauge.warn_at
    assert beyond == is_past
    assert gauge.state == ("warned" if is_past else "quiet")


def test_the_spread_of_an_ensemble_is_shown_where_there_is_one() -> None:
    memory: Memory = {}
    newest: dict[str, tuple[int, float]] = {}
    alarms: list[tuple[int, Alarm]] = []
    for step, spread in enumerate((0.2, 0.52)):
        recorded, said = judge(SECTION, QUIET | {"objective/score_spread": spread}, memory)
        newest |= {name: (step, value) for name, value in recorded.items()}
        alarms += [(step, alarm) for alarm in said]
    found = gauges("ppo", SECTION.model_dump(mode="json"), newest, alarms)
    (gauge,) = [one for one in found if one.rule == "spread"]
    assert gauge.value == pytest.approx(2.6)
    assert (gauge.warn_at, gauge.stop_at, gauge.state) == (2.5, 4.0, "warned")
    assert "spread" not in after({})


def test_how_far_the_policy_has_drifted_is_shown_where_an_older_one_draws() -> None:
    gauge = after({"sampler/staleness": 1.0, "objective/mismatch_kl": 0.12})["drift_kl"]
    assert gauge.value == pytest.approx(0.12)
    assert (gauge.warn_at, gauge.stop_at, gauge.state) == (0.1, 0.2, "warned")
    assert "drift_kl" not in after({})


def test_a_stop_stays() -> None:
    assert after({"objective/kl": 61.0, "length": 39.0}, {})["kl"].state == "stopped"


def test_a_rule_that_is_off_is_not_shown() -> None:
    off = PPO(rules=StopRules(max_kl=None, min_kl=None))
    shown = after(section=off)
    assert {"kl", "negative_kl", "target_kl", "heldout"} & shown.keys() == set()
    assert {"token_kl", "length"} <= shown.keys()


def test_settings_of_an_older_version_have_no_gauge() -> None:
    assert [one.rule for one in gauges("ppo", {"rules": {"max_kl": 60.0}}, {}, [])] == [
        "same_start",
        "kl",
    ]
    assert gauges("sft", {}, {}, []) == []


def test_what_was_never_measured_is_unknown() -> None:
    config = DPO().model_dump(mode="json")
    (gauge,) = gauges("dpo", config, {}, [])
    assert (gauge.value, gauge.state, gauge.warn_at, gauge.stop_at) == (None, "unknown", 50, 100)
    # a fifth of the way to a fall of 100 nats
    (gauge,) = gauges("dpo", config, {"stop/chosen": (3, 0.2)}, [])
    assert (gauge.value, gauge.state) == (20.0, "quiet")
    (gauge,) = gauges("dpo", config, {"stop/chosen": (3, float("nan"))}, [])
    assert (gauge.value, gauge.state) == (None, "unknown")


def test_the_ratio_is_a_steps_mean() -> None:
    gauge = after({"val/ratio": 1.5})["ratio"]
    assert (gauge.value, gauge.warn_at, gauge.stop_at) == (1.5, 2.0, 10.0)
    tight = PPO(rules=StopRules(max_ratio=1.5))
    assert after(section=tight)["ratio"].warn_at == 1.5
