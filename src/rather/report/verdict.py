"""The verdict in one sentence: what the win rates show, and no more than that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rather.report.evaluated import PolicyResult, Rate, rates_of
from rather.report.format import interval, percent
from rather.report.model import Report

Tone = Literal["better", "unclear", "worse", "none"]
LONGER = 1.1
"""Answers this many times as long as the baseline's may have won by their length."""
NOT_KNOWN = Rate(math.nan, 0.0, 1.0)
"""At equal length, where all answers are longer by as much: length cannot be told from quality."""
_NAMED = {
    "human": "people",
    "gold": "the gold score",
    "heldout": "a held-out reward model",
    "llm": "a language model",
    "reward": "the reward model it was tuned on",
}
"""Judges a verdict rests on, the one to be believed first in front."""


@dataclass(frozen=True)
class _Judged:
    """A policy with the win rate to be believed first."""

    name: str
    judge: str
    rate: Rate
    controlled: Rate | None
    """At equal length, where its answers are longer."""
    times_as_long: float

    @property
    def tone(self) -> Tone:
        """What its rate shows; a win that length may explain shows nothing."""
        if self.rate.high < 0.5:
            return "worse"
        if self.rate.low <= 0.5 or (self.controlled is not None and self.controlled.low <= 0.5):
            return "unclear"
        return "better"


def tone_of(report: Report) -> Tone:
    """Say what the best-supported policy shows: better, unclear, worse, or nothing measured."""
    tones = [one.tone for one in _judged(report.policies)]
    if not tones:
        return "none"
    if "better" in tones:
        return "better"
    return "worse" if set(tones) == {"worse"} else "unclear"


def verdict_of(report: Report) -> str:
    """Return the report's own verdict, or one sentence written from the win rates."""
    if report.verdict:
        return report.verdict
    judged = _judged(report.policies)
    if not judged:
        return "Nothing has been compared with the baseline yet."
    baseline = next((one.name for one in report.policies if one.is_baseline), "the baseline")
    gold = f" “{report.gold.rstrip('.')}”" if report.gold else ""
    named = _NAMED | {"gold": f"the gold score{gold}"}
    by_judge: dict[str, list[str]] = {}
    for one in judged:
        by_judge.setdefault(named[one.judge], []).append(_clause(one, baseline))
    said = "; ".join(f"judged by {who}, {_joined(found)}" for who, found in by_judge.items())
    sizes = {one.rate.n for one in judged}
    prompts = f"{sizes.pop()} held-out prompts" if len(sizes) == 1 else "held-out prompts"
    return f"On {prompts}{',' if len(by_judge) == 1 else ':'} {said}."


def _judged(policies: Sequence[PolicyResult]) -> list[_Judged]:
    """Return each policy with its most trustworthy win rate."""
    base = next((one for one in policies if one.is_baseline), None)
    found = []
    for policy in policies:
        judge = next((one for one in rates_of(policy) if one in _NAMED), None)
        if judge is None or policy.is_baseline:
            continue
        times = _times_as_long(policy, base)
        controlled = None
        if times >= LONGER:
            controlled = policy.length_controlled.get(judge, NOT_KNOWN)
        found.append(_Judged(policy.name, judge, policy.win_rates[judge], controlled, times))
    return found


def _times_as_long(policy: PolicyResult, base: PolicyResult | None) -> float:
    if base is None or not base.mean_length or policy.mean_length is None:
        return 1.0
    return policy.mean_length / base.mean_length


def _clause(one: _Judged, baseline: str) -> str:
    share = _share(one.rate)
    if one.tone == "worse":
        return f"{one.name} beats {baseline} only {share}, so it has become worse"
    if one.rate.low <= 0.5:
        return f"{one.name} beats {baseline} {share}, which does not tell them apart"
    if one.controlled is None:
        return f"{one.name} beats {baseline} {share}"
    longer = f"its answers are {one.times_as_long:.1f} times as long"
    if math.isnan(one.controlled.value):
        return (
            f"{one.name} beats {baseline} {share}; {longer}, all by about as much, so whether "
            "more than length wins is not known"
        )
    shows = "does not tell them apart" if one.tone == "unclear" else "is more than length"
    return (
        f"{one.name} beats {baseline} {share}; {longer}, and at equal length it would win "
        f"{_share(one.controlled)}, which {shows}"
    )


def _share(rate: Rate) -> str:
    return f"{percent(rate.value)} of the time (95\N{NO-BREAK SPACE}% interval {interval(rate)})"


def _joined(clauses: Sequence[str]) -> str:
    *first, last = clauses
    return f"{', '.join(first)}, and {last}" if first else last
