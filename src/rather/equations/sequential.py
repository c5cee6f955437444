"""Evidence about a win rate that may be looked at after every judgment, in plain numbers."""

import math

ENOUGH = 20.0
"""Evidence at which one may stop: a coin without a favourite ever reaches it once in 20 times."""


def evidence(wins: int, losses: int) -> float:
    """How many times likelier the wins are if any rate may be true than if it is one half.

        E = ∫₀¹ p^w (1 − p)^l dp / (½)^{w+l} = B(w+1, l+1)·2^{w+l}

    Under a rate of ½ this is a martingale that begins at 1, so the chance that it ever reaches 20
    is at most 1/20, however often one looks (Ville 1939; the mixture is Robbins 1970,
    https://doi.org/10.1214/aoms/1177696786). An interval for a fixed number of cases, looked at
    again and again, does not have that property. Ties are left out, as in a sign test.
    wins and losses are counts -> a ratio of likelihoods, without a unit.
    """
    beta = math.lgamma(wins + 1) + math.lgamma(losses + 1) - math.lgamma(wins + losses + 2)
    return math.exp(min(beta + (wins + losses) * math.log(2), 700.0))


def still_needed(wins: int, losses: int, most: int = 100_000) -> int | None:
    """Judgments still to come until the evidence is enough, if they go on as so far.

    None where they would not get there within `most`: nothing is known yet, or it is too close.
    """
    decided = wins + losses
    if decided == 0 or evidence(wins, losses) >= ENOUGH:
        return 0 if decided else None
    share = wins / decided
    low, high = decided, most
    if evidence(round(share * high), high - round(share * high)) < ENOUGH:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        won = round(share * middle)
        low, high = (low, middle) if evidence(won, middle - won) >= ENOUGH else (middle, high)
    return high - decided
