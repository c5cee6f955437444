"""The verdict in one sentence: what the win rates show, and no more than that."""

from collections.abc import Sequence
from typing import Literal

from rather.report.format import interval, percent
from rather.report.model import PolicyResult, Rate, Report

Tone = Literal["better", "unclear", "worse", "none"]


def tone_of(report: Report) -> Tone:
    """Say what the best-supported policy shows: better, unclear, worse, or nothing measured."""
    rates = [rate for _, rate, _ in _judged(report.policies)]
    if not rates:
        return "none"
    if any(rate.low > 0.5 for rate in rates):
        return "better"
    return "worse" if all(rate.high < 0.5 for rate in rates) else "unclear"


def verdict_of(report: Report) -> str:
    """Return the report's own verdict, or one sentence written from the win rates."""
    if report.verdict:
        return report.verdict
    judged = _judged(report.policies)
    if not judged:
        return "Nothing has been compared with the baseline yet."
    baseline = next((one.name for one in report.policies if one.is_baseline), "the baseline")
    clauses = [_clause(policy.name, rate, baseline) for policy, rate, _ in judged]
    gold = f" “{report.gold.rstrip('.')}”" if report.gold else ""
    named = {"gold": f"the gold score{gold}"}
    sources = sorted({named.get(source, source) for _, _, source in judged})
    sizes = {rate.n for _, rate, _ in judged}
    prompts = f"{sizes.pop()} held-out prompts" if len(sizes) == 1 else "held-out prompts"
    return f"On {prompts}, judged by {' and '.join(sources)}, {_joined(clauses)}."


def _judged(policies: Sequence[PolicyResult]) -> list[tuple[PolicyResult, Rate, str]]:
    """Return each policy with its most trustworthy win rate: people, then gold, then model."""
    found = []
    for policy in policies:
        candidates = (
            (policy.human_win_rate, "people"),
            (policy.gold_win_rate, "gold"),
            (policy.reward_win_rate, "the reward model it was tuned on"),
        )
        for rate, source in candidates:
            if rate is not None and not policy.is_baseline:
                found.append((policy, rate, source))
                break
    return found


def _clause(name: str, rate: Rate, baseline: str) -> str:
    share = f"{percent(rate.value)} of the time (95\N{NO-BREAK SPACE}% interval {interval(rate)})"
    if rate.low > 0.5:
        return f"{name} beats {baseline} {share}"
    if rate.high < 0.5:
        return f"{name} beats {baseline} only {share}, so it has become worse"
    return f"{name} beats {baseline} {share}, which does not tell them apart"


def _joined(clauses: Sequence[str]) -> str:
    if len(clauses) < 3:
        return " and ".join(clauses)
    return ", ".join(clauses[:-1]) + " and " + clauses[-1]
