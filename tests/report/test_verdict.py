"""The verdict says what the intervals allow, and no more."""

import pytest

from rather.report.evaluated import PolicyResult, Rate
from rather.report.model import Report
from rather.report.verdict import tone_of, verdict_of

BASE = PolicyResult("base", is_baseline=True)


def report_of(*rates: Rate, gold: str = "") -> Report:
    tuned = tuple(PolicyResult(f"ppo-{i}", win_rates={"gold": r}) for i, r in enumerate(rates, 1))
    return Report("r", policies=(BASE, *tuned), gold=gold)


def test_nothing_measured() -> None:
    assert verdict_of(Report("r")) == "Nothing has been compared with the baseline yet."
    assert tone_of(Report("r")) == "none"


def test_own_verdict_is_kept() -> None:
    assert verdict_of(Report("r", verdict="Stopped early.")) == "Stopped early."


def test_better() -> None:
    report = report_of(Rate(0.82, 0.71, 0.9, 64), gold="concision")
    assert verdict_of(report).replace("\u00a0", " ") == (
        "On 64 held-out prompts, judged by the gold score “concision”, ppo-1 beats base 82 % of "
        "the time (95 % interval 71–90 %)."
    )
    assert tone_of(report) == "better"


@pytest.mark.parametrize(
    ("rate", "tone", "said"),
    [
        (Rate(0.55, 0.4, 0.7, 9), "unclear", "which does not tell them apart"),
        (Rate(0.2, 0.1, 0.4, 9), "worse", "so it has become worse"),
    ],
)
def test_unclear_and_worse(rate: Rate, tone: str, said: str) -> None:
    report = report_of(rate)
    assert tone_of(report) == tone
    assert said in verdict_of(report)
    assert "judged by the gold score, ppo-1" in verdict_of(report)


def test_people_are_believed_before_gold() -> None:
    policy = PolicyResult(
        "dpo-1",
        win_rates={"gold": Rate(0.9, 0.8, 1.0, 50), "human": Rate(0.5, 0.3, 0.7, 20)},
    )
    said = verdict_of(Report("r", policies=(BASE, policy)))
    assert said.startswith("On 20 held-out prompts, judged by people, dpo-1 beats base 50")


def test_three_policies_of_different_sizes_are_listed() -> None:
    rates = (Rate(0.9, 0.8, 1.0, 50), Rate(0.9, 0.8, 1.0, 40), Rate(0.9, 0.8, 1.0, 30))
    said = verdict_of(report_of(*rates))
    assert said.startswith("On held-out prompts, ")
    assert "), ppo-2 beats" in said
    assert "), and ppo-3 beats" in said


def test_who_judged_stands_beside_each_policy() -> None:
    asked = PolicyResult("dpo-1", win_rates={"human": Rate(0.4, 0.3, 0.5, 67)})
    other = PolicyResult("sft-1", win_rates={"gold": Rate(0.2, 0.1, 0.3, 67)})
    said = verdict_of(Report("r", policies=(BASE, asked, other))).replace("\u00a0", " ")
    assert said == (
        "On 67 held-out prompts: judged by people, dpo-1 beats base 40 % of the time (95 % "
        "interval 30–50 %), which does not tell them apart; judged by the gold score, sft-1 beats "
        "base only 20 % of the time (95 % interval 10–30 %), so it has become worse."
    )


def longer(controlled: Rate, judge: str = "reward") -> Report:
    base = PolicyResult("base", is_baseline=True, mean_length=20.0)
    policy = PolicyResult(
        "ppo-1",
        win_rates={judge: Rate(0.9, 0.8, 0.95, 60)},
        length_controlled={judge: controlled},
        mean_length=42.0,
    )
    return Report("r", policies=(base, policy))


def test_a_policy_that_only_got_longer_is_not_called_better() -> None:
    report = longer(Rate(0.52, 0.3, 0.74, 60))
    assert tone_of(report) == "unclear"
    assert verdict_of(report).replace("\u00a0", " ") == (
        "On 60 held-out prompts, judged by the reward model it was tuned on, ppo-1 beats base 90 % "
        "of the time (95 % interval 80–95 %); its answers are 2.1 times as long, and at equal "
        "length it would win 52 % of the time (95 % interval 30–74 %), which does not tell them "
        "apart."
    )


def test_a_longer_policy_that_is_better_at_equal_length_too() -> None:
    report = longer(Rate(0.7, 0.6, 0.8, 60), "heldout")
    assert tone_of(report) == "better"
    assert "judged by a held-out reward model" in verdict_of(report)
    assert verdict_of(report).endswith("which is more than length.")


def test_gold_is_believed_before_reward_models() -> None:
    rates = {"reward": Rate(1.0, 0.9, 1.0, 9), "heldout": Rate(0.4, 0.2, 0.6, 9)}
    policy = PolicyResult("ppo-1", win_rates=rates)
    assert tone_of(Report("r", policies=(BASE, policy))) == "unclear"
    gold = PolicyResult("ppo-1", win_rates=rates | {"gold": Rate(0.1, 0.0, 0.3, 9)})
    assert tone_of(Report("r", policies=(BASE, gold))) == "worse"


def test_longer_everywhere_by_as_much_is_not_called_better() -> None:
    base = PolicyResult("base", is_baseline=True, mean_length=20.0)
    rates = {"reward": Rate(0.9, 0.8, 0.95, 60)}
    report = Report("r", policies=(base, PolicyResult("ppo-1", win_rates=rates, mean_length=30.0)))
    assert tone_of(report) == "unclear"
    assert verdict_of(report).endswith(
        "its answers are 1.5 times as long, all by about as much, so whether more than length wins "
        "is not known."
    )
    as_long = PolicyResult("ppo-1", win_rates=rates, mean_length=21.0)
    assert tone_of(Report("r", policies=(base, as_long))) == "better"
