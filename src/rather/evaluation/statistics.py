"""Win rates and their intervals."""

import math
from collections.abc import Sequence

from rather.equations.intervals import Interval, wilson

__all__ = ["TRUST", "Interval", "mean", "outcomes", "standard_error", "wilson", "win_rate"]

TRUST = ("human", "gold", "heldout", "llm", "judge", "reward")
"""Whose win rate decides, the most trustworthy first; `reward` is what it was tuned on."""


def win_rate(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Share of prompts on which ours scores higher; an equal score is half a win."""
    won = outcomes(ours, theirs)
    return wilson(sum(won), len(won))


def outcomes(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Of each prompt 1 where ours scores higher, ½ where both score the same, 0 elsewhere."""
    assert len(ours) == len(theirs), "paired scores, prompt by prompt"
    return [(a > b) + 0.5 * (a == b) for a, b in zip(ours, theirs, strict=True)]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; not a number when there is nothing."""
    return sum(values) / len(values) if values else math.nan


def standard_error(values: Sequence[float]) -> float:
    """Of the mean, by the unbiased variance; not a number with fewer than two."""
    if len(values) < 2:
        return math.nan
    centre = mean(values)
    return math.sqrt(sum((one - centre) ** 2 for one in values) / (len(values) - 1) / len(values))
