"""When the scheduler's jobs run, as people read it. The scheduler has its own; a test holds the two together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a job does, and when: at an instant of each day (UTC), at each full hour, or every so many seconds."""

    does: str
    at: time | None = None
    every_s: float | None = None

    def words(self, now: datetime, zone: ZoneInfo) -> str:
        """Return the turn in words, its time of day in the zone of the page: `daily 03:15`."""
        if self.at is not None:
            return f"daily {self.following(now).astimezone(zone):%H:%M}"
        if self.every_s is None:
            return "hourly"
        return "every minute" if self.every_s == 60 else f"every {self._length()}"  # noqa: PLR2004 - a minute

    def _length(self) -> str:
        seconds = self.every_s or 0
        return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"  # noqa: PLR2004 - a minute

    def following(self, now: datetime, last: datetime | None = None) -> datetime:
        """Return the first turn after `now`; by seconds it counts from the `last` sign of life."""
        if self.at is not None:
            today = now.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
            return today if today > now else today + timedelta(days=1)
        if self.every_s is None:
            return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return (last or now) + timedelta(seconds=self.every_s)


TIMETABLE = {
    "accrue": Turn(does="write the bounties, months and periods that are due", at=time(1, 30)),
    "release": Turn(does="make available what has matured"),
    "queue": Turn(does="queue a payout for every partner whose schedule came round", at=time(2, 15)),
    "send": Turn(does="send approved payouts, and retrying ones that are due", every_s=2),
    "resolve": Turn(does="find out what became of attempts without an answer", every_s=60),
    "reversals": Turn(
        does="pull agreed money back, and find out what became of reversals without an answer", every_s=3
    ),
    "events": Turn(does="apply what the provider tells of", every_s=60),
    "reconcile": Turn(does="compare the provider's books with ours", at=time(6, 0)),
    "remind": Turn(
        does="write down what is to be told of the day, of what comes up and of what goes wrong", every_s=300
    ),
    "notify": Turn(does="tell partners and the finance team what happened", every_s=60),
    "check": Turn(does="recompute the books, fold the counters, look for late jobs", every_s=300),
}


LATE_AFTER = timedelta(minutes=5)


def is_late(job: str, seen: datetime, now: datetime) -> bool:
    """Tell whether a job of the timetable has missed its turn since it was last `seen`."""
    turn = TIMETABLE.get(job)
    return turn is not None and turn.following(seen, seen) + LATE_AFTER <= now
