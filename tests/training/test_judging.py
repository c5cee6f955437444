"""Asking the rules: what stops is said last; when an update is left out, and what is said of it."""

import pytest

from rather.config.ppo import PPO, StopRules
from rather.training.judging import judge, judge_update
from rather.training.learner import Metrics
from rather.training.rules import Memory

QUIET: Metrics = {
    "objective/kl": 1.0,
    "objective/kl_k3": 0.0,
    "objective/entropy": 40.0,
    "objective/mismatch_kl": 0.0,
    "length": 20.0,
    "eos_rate": 0.8,
    "distinct_2": 0.6,
}


def test_what_stops_is_said_last() -> None:
    memory: Memory = {}
    assert judge(PPO(), QUIET, memory)[1] == []
    changed = QUIET | {"objective/kl": 31.0, "length": 41.0, "objective/entropy": 82.0}
    _, alarms = judge(PPO(), changed, memory)
    assert [(alarm.rule, alarm.severity) for alarm in alarms] == [
        ("kl", "warn"),
        ("token_kl", "warn"),
        ("length", "stop"),
    ]


def test_the_first_rollout_is_what_later_ones_are_measured_by() -> None:
    memory: Memory = {}
    judge(PPO(), QUIET, memory)
    gauges, _ = judge(PPO(), QUIET | {"length": 30.0}, memory)
    assert gauges["stop/length"] == pytest.approx(0.75)  # 1.5 times as long, twice is the end
    gauges, _ = judge(PPO(), QUIET | {"length": 30.0}, memory)
    assert gauges["stop/length"] == pytest.approx(0.75)  # the second is no new start


def asked(memory: Memory, ratio: float, kl: float = 0.0, **rules: float | None) -> tuple[bool, str]:
    """Whether the update is left out, and the severity of what is said."""
    section = PPO(rules=StopRules(**rules))  # type: ignore[arg-type]
    measured = {"val/ratio": ratio, "policy/approxkl_avg": kl}
    leaves_out, alarms = judge_update(section, measured, memory)
    return leaves_out, " ".join(alarm.severity for alarm in alarms)


def test_a_ratio_far_from_1_warns_and_beyond_its_limit_is_left_out() -> None:
    assert asked({}, 1.9) == (False, "")
    assert asked({}, 2.1) == (False, "warn")
    assert asked({}, 0.51) == (False, "")
    assert asked({}, 0.49) == (False, "warn")
    assert asked({}, 10.1) == (True, "warn")
    assert asked({}, float("nan")) == (True, "warn")
    assert asked({}, 1e6, max_ratio=None) == (False, "")


def test_the_third_update_left_out_for_its_ratio_stops() -> None:
    memory: Memory = {}
    found = [asked(memory, ratio) for ratio in (11.0, 1.0, 11.0, 11.0)]
    assert found == [(True, "warn"), (False, ""), (True, "warn"), (True, "stop")]


def test_an_update_too_far_from_its_rollout_is_left_out_in_silence() -> None:
    assert asked({}, 1.0, kl=0.19) == (False, "")
    assert asked({}, 1.0, kl=0.21) == (True, "")
    assert asked({}, 1.0, kl=9.9, max_update_kl=None) == (False, "")
    # both at once: the ratio is counted
    memory: Memory = {}
    assert asked(memory, 11.0, kl=9.9) == (True, "warn")
    assert memory["ratio_drops"] == 1
