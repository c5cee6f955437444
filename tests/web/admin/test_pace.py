"""Judgments a day and an hour, and when there will be enough."""

from datetime import UTC, datetime

from rather.web.admin.pace import pace

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
A_MINUTE_LATER = datetime(2026, 3, 1, 12, 31, tzinfo=UTC)


def test_pace_by_hand() -> None:
    moments = [
        "2026-01-30T11:00:00.000000+00:00",  # one day too old for the list
        "2026-01-31T11:00:00.000000+00:00",  # its first day
        "2026-02-27T09:10:00.000000+00:00",
        "2026-02-27T09:50:00.000000+00:00",
        "2026-02-28T23:40:00.000000+00:00",
        "2026-03-01T11:29:00.000000+00:00",  # more than an hour ago
        "2026-03-01T11:31:00.000000+00:00",
        "2026-03-01T12:11:00.000000+00:00",
    ]
    found = pace(moments, num_left=9, now=NOW)
    days = dict(found.per_day)
    assert (len(days), found.per_day[0], found.per_day[-1]) == (
        30, ("2026-01-31", 1), ("2026-03-01", 3),
    )  # fmt: skip
    assert (days["2026-02-27"], days["2026-02-28"], days["2026-02-26"]) == (2, 1, 0)
    assert found.last_hour == 2
    # Six in the last week. From the first of each hour on: 50 minutes of 27th 9, 20 of 28th 23,
    # 31 of 1st 11, and 19 of 1st 12 until now: two hours.
    assert found.per_hour == 3.0
    assert found.eta_hours == 3.0


def test_the_first_minutes_are_no_whole_hour() -> None:
    moments = [f"2026-03-01T12:30:{second}.000000+00:00" for second in (10, 20, 30)]
    # Fifty seconds: they count as five minutes, a twelfth of an hour.
    assert pace(moments, num_left=18, now=A_MINUTE_LATER).per_hour == 36.0
    assert pace(moments, num_left=18, now=A_MINUTE_LATER).eta_hours == 0.5


def test_no_pace_no_end() -> None:
    assert pace([], 5, NOW).eta_hours is None
    assert pace([], 0, NOW).eta_hours == 0.0
    assert pace([], -3, NOW).eta_hours == 0.0
