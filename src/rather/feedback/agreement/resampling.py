"""The bootstrap over items: a percentile interval, the same one for the same data.

Items that say the same are drawn together (their number in a resample is multinomial), so that
ten thousand items cost as much as their few different patterns.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rather.feedback.agreement.estimate import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

SEED = 20_260
MAX_DRAWS, MIN_DRAWS = 1000, 200
MAX_CELLS = 2_000_000
"""Numbers drawn for one interval at most, down to MIN_DRAWS resamples."""
MIN_DEFINED = 0.9
"""Share of the resamples that must be computable for an interval to be given."""
MIN_ITEMS = 5
"""Fewer items say nothing about how much a number varies over items."""


def bootstrap(
    patterns: "Numbers",
    times: "Numbers",
    statistic: "Callable[[Numbers], Numbers]",
    max_draws: int = MAX_DRAWS,
) -> Estimate:
    """The statistic of the items with a 95 % interval; no value where it is not defined.

    `patterns[p]` is what an item of pattern p adds to the sums that `statistic` takes ([draws, ...]
    -> [draws], NaN where undefined); `times[p]` items have that pattern. Efron 1979,
    https://doi.org/10.1214/aos/1176344552; percentiles of resamples of the items.
    """
    import numpy as np  # imported here: the server starts without it

    n = int(times.sum())
    sums = np.tensordot(times[None, :].astype(float), patterns, 1)
    value = float(statistic(sums)[0])
    draws = max(MIN_DRAWS, min(max_draws, MAX_CELLS // len(times)))
    drawn = np.random.default_rng(SEED).multinomial(n, times / n, size=draws)
    found = statistic(np.tensordot(drawn.astype(float), patterns, 1))
    return interval(value, n, found)


def interval(value: float, n: int, resampled: "Numbers") -> Estimate:
    """A value with the middle 95 % of its resamples; no interval where too few are defined, or
    where none differs from another."""
    import numpy as np  # imported here: the server starts without it

    if np.isnan(value):
        return Estimate(None, n)
    defined = np.sort(resampled[~np.isnan(resampled)])
    if len(defined) < MIN_DEFINED * len(resampled) or defined[0] == defined[-1]:
        return Estimate(value, n)
    low, high = (defined[round(share * (len(defined) - 1))] for share in (0.025, 0.975))
    return Estimate(value, n, float(low), float(high))
