"""Win rates and their intervals."""

import math
from collections.abc import Sequence

from rather.equations.intervals import Interval, wilson

__all__ = ["Interval", "mean", "wilson", "win_rate"]


def win_rate(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Share of prompts on which ours scores higher; an equal score is half a win."""
    assert len(ours) == len(theirs), "paired scores, prompt by prompt"
    wins = sum((a > b) + 0.5 * (a == b) for a, b in zip(ours, theirs, strict=True))
    return wilson(wins, len(ours))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; not a number when there is nothing."""
    return sum(values) / len(values) if values else math.nan
