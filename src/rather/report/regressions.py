"""What a policy lost while it gained: everything beside the score that got worse, in sentences."""

from rather.equations.intervals import wilson
from rather.report.evaluated import PolicyResult
from rather.report.format import fixed, percent

LONGER, SHORTER = 1.25, 0.8
LESS_VARIED = 0.8
LESS_FLUENT = 1.5
"""Factors to the baseline from which a change is told."""


def regressions(policy: PolicyResult, base: PolicyResult) -> list[str]:
    """The sentences, none where nothing got worse.

    A share counts as changed where neither model's lies within the other's 95 % interval.
    """
    found = []
    times = _ratio(policy.mean_length, base.mean_length)
    if times is not None and not SHORTER <= times <= LONGER:
        said = f"{times:.1f} times as long as"
        found.append(f"Its answers are {said} {base.name}'s.")
    n = len(policy.lengths)
    if _has_fallen(policy.eos_rate, base.eos_rate, n):
        found.append(
            f"{percent(policy.eos_rate)} of its answers end by themselves, of {base.name}'s "
            f"{percent(base.eos_rate)}."
        )
    for what, ours, theirs in (
        ("begin like refusals", policy.refusal_rate, base.refusal_rate),
        ("repeat themselves", policy.repetitive_rate, base.repetitive_rate),
    ):
        if _has_risen(ours, theirs, n):
            found.append(
                f"{percent(ours)} of its answers {what}, of {base.name}'s {percent(theirs)}."
            )
    varied = _ratio(policy.distinct_2, base.distinct_2)
    if varied is not None and varied < LESS_VARIED:
        found.append(
            f"Its wording is less varied: distinct-2 is {fixed(policy.distinct_2)}, {base.name}'s "
            f"{fixed(base.distinct_2)}."
        )
    strange = _ratio(policy.base_perplexity, base.base_perplexity)
    if strange is not None and strange > LESS_FLUENT:
        found.append(
            f"The base model finds its answers {strange:.1f} times as surprising as {base.name}'s "
            "(perplexity)."
        )
    return found


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def _has_risen(ours: float | None, theirs: float | None, n: int) -> bool:
    """Whether neither share lies within the other's interval, both of n answers."""
    if ours is None or theirs is None or ours <= theirs:
        return False
    return wilson(ours * n, n).low > theirs and wilson(theirs * n, n).high < ours


def _has_fallen(ours: float | None, theirs: float | None, n: int) -> bool:
    return _has_risen(theirs, ours, n)
