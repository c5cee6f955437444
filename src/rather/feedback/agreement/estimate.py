"""A number with its 95 % interval, or the reason why there is none: never a made-up one."""

from dataclasses import dataclass

from rather.equations.intervals import wilson


@dataclass(frozen=True)
class Estimate:
    """What was measured; without a value there is a reason."""

    value: float | None
    n: int
    """What it was computed from."""
    low: float | None = None
    """None beside a value: too little varies for an interval."""
    high: float | None = None
    reason: str | None = None


def share(successes: float, n: int, nothing: str) -> Estimate:
    """A share of n cases with Wilson's interval; `nothing` says why there are no cases.

    A mean of n numbers between 0 and 1 varies at most as a share of n cases does, so the interval
    holds for such means too.
    """
    if n == 0:
        return not_computable(nothing)
    # a sum of fractions may miss its bound by rounding
    found = wilson(min(max(successes, 0.0), float(n)), n)
    return Estimate(found.value, n, found.low, found.high)


def not_computable(reason: str, n: int = 0) -> Estimate:
    """No number, for that reason."""
    return Estimate(None, n, reason=reason)
