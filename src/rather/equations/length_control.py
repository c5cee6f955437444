"""How often one model would win if its answers were as long as the other's, in plain numbers."""

import math
from collections.abc import Sequence

from rather.equations.intervals import Z95, Interval

MAX_ITERATIONS = 200
TOLERANCE = 1e-10
SMALLEST_DETERMINANT = 1e-9
"""Of the information of one pair on average; below it nothing tells length from quality."""
_LARGEST_STEP = 2.0


def length_controlled(outcomes: Sequence[float], differences: Sequence[float]) -> Interval:
    """The win rate with the part that length explains taken away, with its 95 % interval.

        logit P(win_i) = α + β·tanh(Δ_i / √(mean Δ²)),   rate = σ(α)

    Dubois et al. 2024, Eq. 1, https://arxiv.org/abs/2404.04475, for one pair of models (so without
    their term for the difficulty of a prompt), and by the root mean square of Δ in place of its
    deviation, which does not saturate where all answers are longer by about as much. α and β
    maximise the likelihood under Jeffreys' prior (Firth 1993,
    https://doi.org/10.1093/biomet/80.1.27), which is finite also where one side always wins; the
    interval is Wald's for α.

    outcomes: 1 a win, ½ a tie, 0 a loss; differences: our length less theirs, pair by pair. Where
    Δ is the same everywhere and not 0, length cannot be told from quality: nan in [0, 1].
    """
    assert len(outcomes) == len(differences), "one difference a pair"
    n = len(outcomes)
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    scale = math.sqrt(sum(one * one for one in differences) / n)
    if scale == 0:  # all equally long: there is nothing to take away
        return _rate(*_fit(outcomes, [0.0] * n, has_slope=False), n)
    lengths = [math.tanh(one / scale) for one in differences]
    mean = sum(lengths) / n
    if sum((one - mean) ** 2 for one in lengths) / n < SMALLEST_DETERMINANT:
        return Interval(math.nan, 0.0, 1.0, n)
    return _rate(*_fit(outcomes, lengths, has_slope=True), n)


def _rate(alpha: float, error: float, n: int) -> Interval:
    low, high = alpha - Z95 * error, alpha + Z95 * error
    return Interval(_sigmoid(alpha), _sigmoid(low), _sigmoid(high), n)


def _fit(
    outcomes: Sequence[float], lengths: Sequence[float], *, has_slope: bool
) -> tuple[float, float]:
    """α and its standard error, by Newton's steps on Firth's modified score."""
    alpha = beta = 0.0
    for _ in range(MAX_ITERATIONS):
        chances = [_sigmoid(alpha + beta * x) for x in lengths]
        inverse = _inverse_information(chances, lengths, has_slope)
        first, second = _modified_score(outcomes, chances, lengths, inverse)
        step_a = inverse[0] * first + inverse[1] * second
        step_b = inverse[1] * first + inverse[2] * second
        damping = min(1.0, _LARGEST_STEP / max(abs(step_a), abs(step_b), 1e-300))
        alpha, beta = alpha + damping * step_a, beta + damping * step_b
        if max(abs(step_a), abs(step_b)) < TOLERANCE:
            break
    chances = [_sigmoid(alpha + beta * x) for x in lengths]
    return alpha, math.sqrt(_inverse_information(chances, lengths, has_slope)[0])


def _inverse_information(
    chances: Sequence[float], lengths: Sequence[float], has_slope: bool
) -> tuple[float, float, float]:
    """The inverse of Σ w·(1, x)(1, x)ᵀ with w = p(1 − p), as (αα, αβ, ββ)."""
    weights = [p * (1 - p) for p in chances]
    aa = sum(weights)
    if not has_slope:
        return 1 / aa, 0.0, 0.0
    ab = sum(w * x for w, x in zip(weights, lengths, strict=True))
    # around the weighted mean, so that nothing cancels
    spread = sum(w * (x - ab / aa) ** 2 for w, x in zip(weights, lengths, strict=True))
    return 1 / aa + (ab / aa) ** 2 / spread, -ab / aa / spread, 1 / spread


def _modified_score(
    outcomes: Sequence[float],
    chances: Sequence[float],
    lengths: Sequence[float],
    inverse: tuple[float, float, float],
) -> tuple[float, float]:
    """Firth's Σ (y − p + h(½ − p))·(1, x), h = w·(1, x) I⁻¹ (1, x)ᵀ."""
    first = second = 0.0
    for y, p, x in zip(outcomes, chances, lengths, strict=True):
        leverage = p * (1 - p) * (inverse[0] + 2 * x * inverse[1] + x * x * inverse[2])
        residual = y - p + leverage * (0.5 - p)
        first, second = first + residual, second + residual * x
    return first, second


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))
