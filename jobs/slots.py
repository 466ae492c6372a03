"""Slots of the timetable, all in UTC: clocks that are put forward or back neither lose nor double one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Daily:
    """Once a day at a time of day in UTC."""

    at: time

    def latest(self, now: datetime) -> datetime:
        """Return the last slot at or before `now`."""
        today = now.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        return today if today <= now else today - DAY

    def following(self, now: datetime) -> datetime:
        """Return the first slot after `now`."""
        return self.latest(now) + DAY


@dataclass(frozen=True)
class Hourly:
    """At every full hour."""

    def latest(self, now: datetime) -> datetime:
        """Return the last slot at or before `now`."""
        return now.replace(minute=0, second=0, microsecond=0)

    def following(self, now: datetime) -> datetime:
        """Return the first slot after `now`."""
        return self.latest(now) + HOUR
