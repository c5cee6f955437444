"""Every stop rule by numbers: silent, warning, stopping; what it counts, and what turns it off."""

from typing import Any

import pytest

from rather.config.ppo import KL, PPO, StopRules
from rather.training.judging import judge
from rather.training.learner import Metrics
from rather.training.rules import RULES, Memory

QUIET: Metrics = {
    "objective/kl": 1.0,
    "objective/kl_error": 0.1,
    "objective/kl_k3": 0.0,
    "objective/entropy": 40.0,
    "objective/mismatch_kl": 0.001,
    "length": 20.0,
    "eos_rate": 0.8,
    "distinct_2": 0.6,
}


def ask(memory: Memory, section: PPO | None = None, **changed: float) -> list[tuple[str, str]]:
    """(rule, severity) of every alarm about the quiet numbers with some changed."""
    names = {"kl": "objective/kl", "entropy": "objective/entropy", "score": "heldout/score"}
    names |= {"proxy": "heldout/proxy", "mismatch": "objective/mismatch_kl"}
    names |= {"k3": "objective/kl_k3", "kl_error": "objective/kl_error"}
    names |= {"spread": "objective/score_spread"}
    metrics = QUIET | {names.get(name, name): value for name, value in changed.items()}
    _, alarms = judge(section or PPO(), metrics, memory)
    return [(alarm.rule, alarm.severity) for alarm in alarms]


def begun() -> Memory:
    """The memory after a quiet first rollout."""
    memory: Memory = {}
    assert ask(memory) == []
    return memory


@pytest.mark.parametrize(
    ("rule", "changed", "severity"),
    [
        ("kl", {"kl": 29.0}, None),  # 60 stops, half of it warns
        ("kl", {"kl": 31.0}, "warn"),
        ("kl", {"kl": 60.0}, "stop"),
        ("token_kl", {"kl": 9.9}, None),  # 20 tokens: 0.5 a token warns, 1 stops
        ("token_kl", {"kl": 10.1}, "warn"),
        ("token_kl", {"kl": 20.0}, "stop"),
        ("token_kl", {"kl": 4.9, "length": 3.0, "entropy": 6.0}, None),  # few nats, however dense
        ("mismatch_kl", {"mismatch": 0.009}, None),  # 0.05 stops, a fifth warns
        ("mismatch_kl", {"mismatch": 0.011}, "warn"),
        ("mismatch_kl", {"mismatch": 0.05}, "stop"),
        ("mismatch_kl", {"mismatch": 9.0, "sampler/staleness": 1.0}, None),  # an older policy's
        ("drift_kl", {"mismatch": 0.099, "sampler/staleness": 1.0}, None),  # 0.2 stops, half warns
        ("drift_kl", {"mismatch": 0.101, "sampler/staleness": 2.0}, "warn"),
        ("drift_kl", {"mismatch": 0.2, "sampler/staleness": 1.0}, "stop"),
        ("drift_kl", {"mismatch": 9.0, "sampler/staleness": 0.0}, None),
        ("length", {"length": 29.0}, None),  # from 20: 30 warns, 40 stops
        ("length", {"length": 31.0}, "warn"),
        ("length", {"length": 40.0}, "stop"),
        ("short", {"length": 4.1, "entropy": 8.2}, None),  # from 20: 4 warns, 2 stops
        ("short", {"length": 3.9, "entropy": 7.8}, "warn"),
        ("short", {"length": 2.0, "entropy": 4.0}, "stop"),
        ("eos", {"eos_rate": 0.41}, None),  # from 0.8: 0.4 warns, 0.16 stops
        ("eos", {"eos_rate": 0.39}, "warn"),
        ("eos", {"eos_rate": 0.16}, "stop"),
        ("entropy", {"entropy": 8.1}, None),  # from 2 a token: 0.4 warns, 0.2 stops
        ("entropy", {"entropy": 7.9}, "warn"),
        ("entropy", {"entropy": 3.9}, "stop"),
        ("distinct", {"distinct_2": 0.31}, None),  # from 0.6: 0.3 warns, 0.15 stops
        ("distinct", {"distinct_2": 0.29}, "warn"),
        ("distinct", {"distinct_2": 0.15}, "stop"),
    ],
)
def test_where_a_rule_warns_and_stops(
    rule: str, changed: dict[str, float], severity: str | None
) -> None:
    spoken = [how for name, how in ask(begun(), **changed) if name == rule]
    assert spoken == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"kl": 40.0, "length": 38.0, "entropy": 76.0}, "max_kl"),
        ({"kl": 25.0}, "max_token_kl"),
        ({"mismatch": 5.0}, "max_mismatch_kl"),
        ({"mismatch": 5.0, "sampler/staleness": 1.0}, "max_drift_kl"),
        ({"length": 90.0, "entropy": 180.0}, "max_length_growth"),
        ({"length": 0.5, "entropy": 1.0}, "min_length_share"),
        ({"eos_rate": 0.0}, "min_eos_share"),
        ({"entropy": 0.0}, "min_entropy_share"),
        ({"distinct_2": 0.0}, "min_distinct_share"),
    ],
)
def test_null_turns_a_rule_off(changed: dict[str, float], setting: str) -> None:
    rules: Any = {setting: None}
    memory = begun()
    with_it = set(ask(begun(), **changed))
    without = set(ask(memory, PPO(rules=StopRules(**rules)), **changed))
    assert without < with_it
    assert len(with_it - without) == 1


@pytest.mark.parametrize(
    ("entropy", "severity"),
    # 2 a token at the start, a limit of 0.6: twice that is out of reach, half way to it is 0.8
    [(40.0, None), (32.4, None), (31.6, "warn"), (23.9, "stop")],
)
def test_a_high_limit_still_leaves_room_before_the_warning(
    entropy: float, severity: str | None
) -> None:
    section = PPO(rules=StopRules(min_entropy_share=0.6))
    spoken = ask(begun(), section, entropy=entropy)
    assert spoken == ([] if severity is None else [("entropy", severity)])


def test_gauges_say_how_near_a_rule_is() -> None:
    gauges, _ = judge(PPO(), QUIET | {"objective/kl": 15.0, "eos_rate": 0.56}, begun())
    assert gauges["stop/kl"] == pytest.approx(0.25)  # 15 of 60
    assert gauges["stop/eos"] == pytest.approx(0.375)  # 0.7 of the start: 0.3 of the way of 0.8
    assert gauges["stop/length"] == pytest.approx(0.5)  # as long as at the start, twice is the end
    assert {name.removeprefix("stop/") for name in gauges} <= set(RULES)


def test_a_negative_kl_must_last_and_be_beyond_noise() -> None:
    memory = begun()
    assert ask(memory, kl=-1.0) == [("negative_kl", "warn")]
    assert ask(memory, kl=-1.0) == [("negative_kl", "warn")]
    assert ask(memory, kl=-1.0, kl_error=0.4) == []  # within 3 standard errors: the count ends
    assert ask(memory, kl=-1.0) == [("negative_kl", "warn")]
    assert ask(memory, kl=-1.0) == [("negative_kl", "warn")]
    assert ask(memory, kl=-1.0) == [("negative_kl", "stop")]
    assert ask(begun(), kl=-0.4) == []


def test_a_share_of_stops_must_fall_by_more_than_noise() -> None:
    # 2 of 64 stopped: √(0.031·0.969/64) = 0.022, and 0.031 is not three times as much
    memory: Memory = {}
    assert ask(memory, eos_rate=0.03125, eos_error=0.02175) == []
    assert ask(memory, eos_rate=0.0) == []
    # 32 of 64: √(¼/64) = 0.0625, three times that is 0.1875; 0.5 falls to 0.05
    memory = {}
    assert ask(memory, eos_rate=0.5, eos_error=0.0625) == []
    assert ask(memory, eos_rate=0.05) == [("eos", "stop")]


def test_three_times_the_target_must_last() -> None:
    section = PPO(kl=KL(target_kl=2.0))
    memory: Memory = {}
    assert ask(memory, section) == []
    assert ask(memory, section, kl=2.1) == [("target_kl", "warn")]
    for expected in ("warn", "warn", "stop"):
        assert ask(memory, section, kl=6.1) == [("target_kl", expected)]


def test_the_policy_must_begin_as_its_reference() -> None:
    # 20 tokens: 0.002 nats a completion are 1e-4 a token
    assert ask({}, k3=0.0021) == [("same_start", "stop")]
    assert ask({}, k3=0.0019) == []
    assert ask(begun(), k3=5.0) == []


def test_a_score_that_rises_while_the_held_out_one_falls() -> None:
    memory = begun()
    assert ask(memory, proxy=1.0, score=1.0) == []
    assert ask(memory) == []  # not measured at this step
    assert ask(memory, proxy=2.0, score=0.9) == [("heldout", "warn")]
    assert ask(memory, proxy=3.0, score=1.1) == []
    for expected, score in (("warn", 1.0), ("warn", 0.9), ("stop", 0.8)):
        proxy = 5.0 - score
        assert ask(memory, proxy=proxy, score=score) == [("heldout", expected)]


def test_a_start_without_anything_to_lose_is_not_judged() -> None:
    memory: Memory = {}
    nothing = {"eos_rate": 0.0, "entropy": 0.0, "distinct_2": 0.0}
    assert ask(memory, **nothing) == ask(memory, **nothing) == []


def test_an_ensemble_that_drifts_apart() -> None:
    def drifting(*spreads: float, section: PPO | None = None) -> list[list[tuple[str, str]]]:
        memory: Memory = {}
        return [ask(memory, section, spread=spread) for spread in spreads]

    # from 0.2: 0.5 warns, half way to 0.8, which stops
    assert drifting(0.2, 0.49) == [[], []]
    assert drifting(0.2, 0.51) == [[], [("spread", "warn")]]
    assert drifting(0.2, 0.81) == [[], [("spread", "stop")]]
    off = PPO(rules=StopRules(max_spread_growth=None))
    assert drifting(0.2, 9.0, section=off) == [[], []]
    assert drifting(0.0, 9.0) == [[], []]  # of one model alone nothing is apart
