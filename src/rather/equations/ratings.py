"""One number a player from who beat whom: Bradley–Terry, for many tables of results at once."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ELO = 400 / math.log(10)
"""Points of the usual scale that a nat of log-odds is: 400 points are odds of ten to one."""
HALF_A_WIN = 0.5
MAX_ITERATIONS = 100
TOLERANCE = 1e-10
_LARGEST_STEP = 2.0
Numbers = NDArray[np.float64]


def bradley_terry_strengths(wins: Numbers, compared: NDArray[np.bool_]) -> Numbers:
    """Log-strengths r that make the results likeliest: P(i beats j) = σ(r_i − r_j), mean r = 0.

    Zermelo 1929; Bradley & Terry 1952; by Newton's steps, of which the Hessian is a graph's
    Laplacian. Half a win is added to each side of every pair that was ever `compared`: r stays
    finite where one side won always (for two players that is Jeffreys' prior exactly; Firth 1993,
    https://doi.org/10.1093/biomet/80.1.27).

    wins [..., n, n] (i over j; a tie is half a win for each), compared [n, n] bool, connected
    -> [..., n].
    """
    n = wins.shape[-1]
    table = wins + HALF_A_WIN * compared
    games = table + np.swapaxes(table, -1, -2)
    ratings = np.zeros(wins.shape[:-1])
    for _ in range(MAX_ITERATIONS):
        chances = 1 / (1 + np.exp(ratings[..., None, :] - ratings[..., :, None]))
        gradient = (table - games * chances).sum(axis=-1)
        weights = games * chances * (1 - chances)
        laplacian = np.eye(n) * weights.sum(axis=-1)[..., None] - weights
        # the constant shift, which the likelihood does not see, is held at 0
        step = np.linalg.solve(laplacian + 1 / n, gradient[..., None])[..., 0]
        largest = np.abs(step).max(axis=-1, keepdims=True)
        ratings = ratings + step * (_LARGEST_STEP / np.maximum(largest, _LARGEST_STEP))
        if largest.max() < TOLERANCE:
            break
    return np.asarray(ratings - ratings.mean(axis=-1, keepdims=True))


def components(compared: Sequence[tuple[int, int]], num_players: int) -> list[list[int]]:
    """The groups of players between whom a chain of comparisons runs, each in rising order.

    Ratings of players in different groups cannot be compared: nothing ties them together.
    """
    group = list(range(num_players))
    for one, other in compared:
        former, latter = group[one], group[other]
        group = [former if place == latter else place for place in group]
    found: dict[int, list[int]] = {}
    for player, place in enumerate(group):
        found.setdefault(place, []).append(player)
    return list(found.values())
