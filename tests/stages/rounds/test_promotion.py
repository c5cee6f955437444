"""Which policy is in force after a round, by numbers."""

from typing import Any

import pytest

from rather.stages.rounds.promotion import decide


def rate(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 40}


BETTER, UNSURE, WORSE = rate(0.8, 0.7, 0.9), rate(0.55, 0.45, 0.65), rate(0.2, 0.1, 0.3)


@pytest.mark.parametrize(
    ("rule", "measured", "status", "verdict"),
    [
        ("not_worse", BETTER, "promoted", "by the gold score."),
        ("not_worse", UNSURE, "promoted", "which is not surely better."),
        ("not_worse", WORSE, "rolled_back", "which is worse; base stays."),
        ("better", BETTER, "promoted", "by the gold score."),
        ("better", UNSURE, "rolled_back", "which is not surely better; base stays."),
        ("always", WORSE, "promoted", "which is worse."),
    ],
)
def test_a_rule_decides(rule: Any, measured: Any, status: str, verdict: str) -> None:
    found = decide(rule, "base", {"ppo-1": {"gold": measured}})
    assert (found.status, found.policy) == (status, "ppo-1" if status == "promoted" else "base")
    assert found.why.endswith(verdict)


def test_what_was_measured_is_said() -> None:
    why = decide("better", "ppo-1", {"ppo-2": {"reward": BETTER}}).why
    assert why == "ppo-2 beats ppo-1 in 80% [70%, 90%] by the reward it was tuned on."


def test_gold_is_believed_before_what_was_tuned_on() -> None:
    rates = {"reward": BETTER, "heldout": BETTER, "gold": WORSE}
    found = decide("not_worse", "base", {"ppo-1": rates})
    assert (found.status, "by the gold score" in found.why) == ("rolled_back", True)


def test_of_two_the_one_that_wins_more_often() -> None:
    rates = {
        "ppo-1": {"gold": UNSURE},
        "dpo-1": {"gold": BETTER},
        "sft-1": {"reward": rate(1, 1, 1)},
    }
    assert decide("not_worse", "base", rates).policy == "dpo-1"


def test_without_numbers() -> None:
    assert decide("better", "base", {}) == (
        "unchanged",
        "base",
        "nothing was tuned, so base stays.",
    )
    found = decide("better", "base", {"ppo-1": {}})
    assert found == ("promoted", "ppo-1", "ppo-1 was not compared with base.")
