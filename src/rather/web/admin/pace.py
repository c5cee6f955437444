"""How fast judgments come, and when there will be enough."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from rather.web.contract.overview import Pace

NUM_DAYS = 30
NUM_DAYS_OF_PACE = 7
SHORTEST = timedelta(minutes=5)
"""What an hour counts for at least: of a few quick judgments nothing follows for the next hours."""
_DAY, _HOUR = len("2026-11-25"), len("2026-11-25T05")


def pace(moments: Sequence[str], num_left: int, now: datetime) -> Pace:
    """The pace of judgments given at these moments (UTC, ISO 8601); `num_left` are still wanted.

    Judgments an hour are counted over the hours of the last week in which there were any, each from
    its first judgment on and the one that runs as far as it has come.
    """
    days = [(now - timedelta(days=back)).date().isoformat() for back in reversed(range(NUM_DAYS))]
    by_day = Counter(moment[:_DAY] for moment in moments)
    recent = _since(moments, now - timedelta(days=NUM_DAYS_OF_PACE))
    hours = _hours_worked(recent, now)
    per_hour = len(recent) / hours if hours else None
    return Pace(
        per_day=[(day, by_day[day]) for day in days],
        last_hour=len(_since(moments, now - timedelta(hours=1))),
        per_hour=per_hour,
        eta_hours=_eta(num_left, per_hour),
    )


def _hours_worked(moments: Sequence[str], now: datetime) -> float:
    firsts = {moment[:_HOUR]: datetime.fromisoformat(moment) for moment in sorted(moments)[::-1]}
    worked = timedelta()
    for first in firsts.values():
        ends = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        worked += max(min(ends, now) - first, SHORTEST)
    return worked / timedelta(hours=1)


def _since(moments: Sequence[str], start: datetime) -> list[str]:
    first = start.isoformat(timespec="microseconds")
    return [moment for moment in moments if moment > first]


def _eta(num_left: int, per_hour: float | None) -> float | None:
    if num_left <= 0:
        return 0.0
    return num_left / per_hour if per_hour else None
