"""Days and months of a time zone as instants: when each begins, and which one an instant is in.

A day begins at local midnight, or at the first instant after it where the clocks jump over midnight. An instant
belongs to the last day that has begun, so days and months are half-open and cover time without gap or overlap.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
SECOND = timedelta(seconds=1)


class BadPeriod(ValueError):
    """A text that is no month like 2026-10; the message is the sentence to show."""


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The instant the day begins in the zone, aware UTC; a day that the zone left out begins with the next."""
    midnight = datetime.combine(day, time())
    # In a gap, read with the rule before it midnight lies after the jump, and with the rule after it before.
    late = midnight.replace(tzinfo=zone).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == midnight:
        return late
    early = midnight.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > SECOND:
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < midnight:
            early = middle
        else:
            late = middle
    return late


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day of the zone that an aware instant is in."""
    local = instant.astimezone(zone).date()
    following = local + timedelta(days=1)
    # Clocks set back across midnight show the day before again; the new day has begun all the same.
    return following if first_instant(following, zone) <= instant else local


def month_of(instant: datetime, zone: ZoneInfo) -> str:
    """The calendar month of the zone that an aware instant is in, like 2026-10."""
    return f"{day_of(instant, zone):%Y-%m}"


def month_bounds(period: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of the month and of the next one, aware UTC. Refuses BadPeriod."""
    written = MONTH.fullmatch(period)
    if written is None or written[1] == "0000":
        raise BadPeriod(f"{period} is not a month: write it like 2026-10.")
    first = date(int(written[1]), int(written[2]), 1)
    return first_instant(first, zone), first_instant(next_month(first), zone)


def month_closed(period: str, zone: ZoneInfo, *, now: datetime) -> bool:
    """Whether the month is over: its next one has begun. Refuses BadPeriod."""
    return now >= month_bounds(period, zone)[1]


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def instant_text(instant: datetime | None) -> str:
    """Write an instant as files have it; '' for none."""
    if instant is None:
        return ""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
