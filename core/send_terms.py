"""When an approved payout leaves: how long it waits after the approval, and in which hours of the week it may go.

Hours are the ones of the clock on the wall in the program's time zone: an hour that the clocks skip is not there, one
that they repeat is there twice. Weekdays are ISO: Monday 1 to Sunday 7.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from core.records import Record
from core.schedule import Weekday

# No zone's clock is off by less, and none is moved by less: an hour's edge is the same quarter everywhere.
QUARTER = timedelta(minutes=15)
# A pattern of a week, and one week more for the hour that a change of the clocks leaves out.
LOOKED_AHEAD = timedelta(days=15)
MOST_HOURS = 20
A_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def _quarter(at: time) -> time:
    if at.tzinfo is not None or at.second or at.microsecond or at.minute % 15:
        raise ValueError("write hours in quarters of the program's clock, as 18:00 or 06:15")
    return at


def _each_once(weekdays: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(weekdays)) != len(weekdays):
        raise ValueError("name each weekday once")
    return tuple(sorted(weekdays))


TimeOfDay = Annotated[time, AfterValidator(_quarter)]
Weekdays = Annotated[tuple[Weekday, ...], Field(min_length=1), AfterValidator(_each_once)]


class Hours(Record):
    """Hours of some weekdays, from `begins` to before `ends`; those that end at or before their beginning run past
    midnight into the next day, and 00:00 to 00:00 is the whole day. The weekday is the one on which they begin.
    """

    weekdays: Weekdays
    begins: TimeOfDay
    ends: TimeOfDay

    def contain(self, local: datetime) -> bool:
        """Whether the clock on the wall shows one of these hours."""
        at, today, yesterday = local.time(), local.isoweekday(), (local - timedelta(days=1)).isoweekday()
        if self.begins < self.ends:
            return today in self.weekdays and self.begins <= at < self.ends
        return (today in self.weekdays and at >= self.begins) or (
            yesterday in self.weekdays and at < self.ends
        )


class Sending(Record):
    """How approved payouts leave: after a delay, in which one click takes the approval back, and in their hours.

    `only` is when they may leave, empty for at any time; `never` are the peak hours in which nothing leaves, also within
    `only`. `urgent_passes` lets urgent payouts leave outside their hours; the delay holds for every one.
    """

    delay: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=7))] = timedelta(0)
    only: Annotated[tuple[Hours, ...], Field(max_length=MOST_HOURS)] = ()
    never: Annotated[tuple[Hours, ...], Field(max_length=MOST_HOURS)] = ()
    urgent_passes: bool = False

    @model_validator(mode="after")
    def _opens_some_time(self) -> Self:
        if self.has_hours and not any(self._allow(A_MONDAY + n * QUARTER) for n in range(7 * 24 * 4)):
            raise ValueError("no hour of the week is left in which a payout may leave")
        return self

    @property
    def has_hours(self) -> bool:
        """Whether the hour of the week matters at all."""
        return bool(self.only or self.never)

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether payouts may leave at this instant, an aware one; urgent ones are not asked about."""
        return not self.has_hours or self._allow(at.astimezone(zone))

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant at or after this one, aware UTC, at which payouts may leave."""
        at = at.astimezone(UTC)
        if self.is_open(at, zone):
            return at
        begun = at.replace(minute=0, second=0, microsecond=0)
        quarter = begun + ((at - begun) // QUARTER + 1) * QUARTER
        while not self.is_open(quarter, zone) and quarter - at < LOOKED_AHEAD:
            quarter += QUARTER
        return quarter

    def leaves_at(self, approved_at: datetime, zone: ZoneInfo) -> datetime:
        """When a payout leaves that is approved at this instant and meets nothing else, aware UTC."""
        return self.opens_at(approved_at + self.delay, zone)

    def _allow(self, local: datetime) -> bool:
        if self.only and not any(hours.contain(local) for hours in self.only):
            return False
        return not any(hours.contain(local) for hours in self.never)
