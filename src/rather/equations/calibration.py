"""How far a preference model's certainty can be believed, in plain numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

NUM_BINS = 10


class Bin(NamedTuple):
    """Pairs about whose order the model was about equally sure."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean probability the model gave to its own choice; nan without pairs."""
    accuracy: float
    """Share of those choices that were right; nan without pairs."""


class Calibration(NamedTuple):
    """Certainty against truth."""

    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error; nan without pairs."""


def reliability(margins: Sequence[float], temperature: float = 1.0) -> Calibration:
    """Reliability curve and expected calibration error of P(better ≻ worse) = σ(margin / T).

        ECE = Σ_b n_b/n · |accuracy_b − confidence_b|

    Guo et al. 2017, Eq. 3, https://arxiv.org/abs/1706.04599; ten bins of the confidence
    σ(|margin| / T), which lies between ½ and 1. margins: score of the better answer less the worse
    one's, in nats of log-odds, one a pair; a margin of 0 is half right.
    """
    groups: list[list[tuple[float, float]]] = [[] for _ in range(NUM_BINS)]
    for margin in margins:
        confidence = 1 / (1 + math.exp(-min(abs(margin) / temperature, 700.0)))
        place = min(int((confidence - 0.5) * 2 * NUM_BINS), NUM_BINS - 1)
        groups[place].append((confidence, (margin > 0) + 0.5 * (margin == 0)))
    bins = tuple(_bin(place, group) for place, group in enumerate(groups))
    if not margins:
        return Calibration(bins, math.nan)
    gaps = [one.n * abs(one.accuracy - one.confidence) for one in bins if one.n]
    return Calibration(bins, sum(gaps) / len(margins))


def fitted_temperature(margins: Sequence[float]) -> float:
    """The T that makes σ(margin / T) likeliest: min_T −Σ log σ(margin / T).

    Guo et al. 2017, §4.2, https://arxiv.org/abs/1706.04599. Convex in 1/T, so bisection on its
    slope finds it; above 1 the model is too sure of itself. 0 where every pair is ordered rightly
    (no certainty would be too high), inf where the scores are no better than chance, nan without
    pairs. margins as in `reliability`; T has no unit.
    """
    if not margins:
        return math.nan

    def slope(inverse: float) -> float:
        return -sum(one / (1 + math.exp(min(inverse * one, 700.0))) for one in margins)

    if slope(0.0) >= 0:
        return math.inf
    if min(margins) >= 0:
        return 0.0
    low, high = 0.0, 1.0
    while slope(high) < 0:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _bin(place: int, group: Sequence[tuple[float, float]]) -> Bin:
    low, high = 0.5 + place / (2 * NUM_BINS), 0.5 + (place + 1) / (2 * NUM_BINS)
    n = len(group)
    if n == 0:
        return Bin(low, high, 0, math.nan, math.nan)
    return Bin(low, high, n, sum(c for c, _ in group) / n, sum(r for _, r in group) / n)
