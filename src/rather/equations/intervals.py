"""The interval of a share, in plain numbers."""

import math
from typing import NamedTuple

Z95 = 1.959963984540054


class Interval(NamedTuple):
    """A share between 0 and 1 with its 95 % interval, of n cases."""

    value: float
    low: float
    high: float
    n: int


def wilson(successes: float, n: int) -> Interval:
    """Wilson's score interval of a share at 95 %; half successes (ties) are allowed.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    successes of n cases -> shares from 0 to 1.
    """
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    share, z2 = successes / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(share, min(share, low), max(share, high), n)  # rounding misses 0 by a hair
