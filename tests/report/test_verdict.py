"""The verdict says what the intervals allow, and no more."""

import pytest

from rather.report.model import PolicyResult, Rate, Report
from rather.report.verdict import tone_of, verdict_of

BASE = PolicyResult("base", is_baseline=True)


def report_of(*rates: Rate, gold: str = "") -> Report:
    tuned = tuple(PolicyResult(f"ppo-{i}", gold_win_rate=r) for i, r in enumerate(rates, 1))
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
        "dpo-1", gold_win_rate=Rate(0.9, 0.8, 1.0, 50), human_win_rate=Rate(0.5, 0.3, 0.7, 20)
    )
    said = verdict_of(Report("r", policies=(BASE, policy)))
    assert said.startswith("On 20 held-out prompts, judged by people, dpo-1 beats base 50")


def test_three_policies_of_different_sizes_are_listed() -> None:
    rates = (Rate(0.9, 0.8, 1.0, 50), Rate(0.9, 0.8, 1.0, 40), Rate(0.9, 0.8, 1.0, 30))
    said = verdict_of(report_of(*rates))
    assert said.startswith("On held-out prompts, ")
    assert "), ppo-2 beats" in said
    assert ") and ppo-3 beats" in said
