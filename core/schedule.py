"""When a partner is paid: schedules, and their slots as instants.

A slot is the beginning of a scheduled day in the program's time zone. Weekdays are ISO: Monday 1 to Sunday 7.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from core.days import day_of, first_instant, next_month
from core.records import Record

Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]


class OnRequest(Record):
    """No slots: a payout is made when somebody requests it."""

    kind: Literal["on_request"] = "on_request"

    def day_from(self, _day: date) -> date | None:
        """The first scheduled day on or after the day."""
        return None

    def day_until(self, _day: date) -> date | None:
        """The last scheduled day on or before the day."""
        return None


class Daily(Record):
    """Every day."""

    kind: Literal["daily"] = "daily"

    def day_from(self, day: date) -> date:
        """The first scheduled day on or after the day."""
        return day

    def day_until(self, day: date) -> date:
        """The last scheduled day on or before the day."""
        return day


class Weekly(Record):
    """Every week on one weekday."""

    kind: Literal["weekly"] = "weekly"
    weekday: Weekday

    def day_from(self, day: date) -> date:
        """The first scheduled day on or after the day."""
        return day + timedelta(days=(self.weekday - day.isoweekday()) % 7)

    def day_until(self, day: date) -> date:
        """The last scheduled day on or before the day."""
        return day - timedelta(days=(day.isoweekday() - self.weekday) % 7)


class Custom(Record):
    """Every so many days, the first time on the anchor."""

    kind: Literal["custom"] = "custom"
    every_days: Annotated[int, Field(strict=True, ge=1, le=366)]
    anchor: date

    def day_from(self, day: date) -> date:
        """The first scheduled day on or after the day."""
        return (
            self.anchor if day < self.anchor else day + (self.anchor - day) % timedelta(days=self.every_days)
        )

    def day_until(self, day: date) -> date | None:
        """The last scheduled day on or before the day."""
        return None if day < self.anchor else day - (day - self.anchor) % timedelta(days=self.every_days)


class EveryTwoWeeks(Record):
    """Every second week on one weekday, the first time on the first such weekday at or after the anchor."""

    kind: Literal["every_two_weeks"] = "every_two_weeks"
    weekday: Weekday
    anchor: date

    @property
    def _days(self) -> Custom:
        return Custom(every_days=14, anchor=Weekly(weekday=self.weekday).day_from(self.anchor))

    def day_from(self, day: date) -> date:
        """The first scheduled day on or after the day."""
        return self._days.day_from(day)

    def day_until(self, day: date) -> date | None:
        """The last scheduled day on or before the day."""
        return self._days.day_until(day)


class Monthly(Record):
    """Every month on one day; in a month too short for it, on its last day."""

    kind: Literal["monthly"] = "monthly"
    day: Annotated[int, Field(strict=True, ge=1, le=31)]

    def _day_in(self, month: date) -> date:
        return month.replace(day=min(self.day, monthrange(month.year, month.month)[1]))

    def day_from(self, day: date) -> date:
        """The first scheduled day on or after the day."""
        this = self._day_in(day)
        return this if this >= day else self._day_in(next_month(day))

    def day_until(self, day: date) -> date:
        """The last scheduled day on or before the day."""
        this = self._day_in(day)
        return this if this <= day else self._day_in(day.replace(day=1) - timedelta(days=1))


Schedule = Annotated[
    OnRequest | Daily | Weekly | EveryTwoWeeks | Monthly | Custom, Field(discriminator="kind")
]


def latest_slot(schedule: Schedule, *, zone: ZoneInfo, since: date, now: datetime) -> datetime | None:
    """The last slot at or before now, aware UTC; None when there is none on or after the day `since`."""
    day = schedule.day_until(day_of(now, zone))
    return None if day is None or day < since else first_instant(day, zone)


def next_slot(schedule: Schedule, *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The first slot after now, aware UTC; None on request."""
    day = schedule.day_from(day_of(now, zone) + timedelta(days=1))
    return None if day is None else first_instant(day, zone)
