"""A period of analytics: whole days of a zone, both ends included, and the period before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

ACROSS_PROGRAMS = "UTC"
LONGEST_DAYS = 1_830
EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Period:
    """The days from `since` to `until`, both included, of one program (its code) or of all; a day is a day in its
    program's zone, `zone` the one the period ends by.
    """

    since: date
    until: date
    zone: str
    program: str | None

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days + 1

    @property
    def before(self) -> Period:
        """As many days, up to the day before it begins."""
        until = self.since - timedelta(days=1)
        return Period(
            since=until - timedelta(days=self.days - 1), until=until, zone=self.zone, program=self.program
        )

    @property
    def asked(self) -> dict[str, object]:
        """Its values for a statement: program, since, until, after (the first day that is not in it)."""
        after = self.until + timedelta(days=1)
        return {"program": self.program, "since": self.since, "until": self.until, "after": after}


ZONE = text("SELECT zone FROM program WHERE code = :program")


def last_days(conn: Connection, *, now: datetime, days: int, program: str | None = None) -> Period:
    """Return the `days` that end today: today by the program's zone, across programs by UTC."""
    zone = _zone(conn, program)
    until = now.astimezone(ZoneInfo(zone)).date()
    return Period(since=until - timedelta(days=days - 1), until=until, zone=zone, program=program)


def between(conn: Connection, since: date, until: date, *, program: str | None = None) -> Period:
    """Return the days between two, whichever comes first, cut to what can be told: five years, not before 2000."""
    first, last = sorted((max(since, EARLIEST), max(until, EARLIEST)))
    first = max(first, last - timedelta(days=LONGEST_DAYS - 1))
    return Period(since=first, until=last, zone=_zone(conn, program), program=program)


def _zone(conn: Connection, program: str | None) -> str:
    return conn.execute(ZONE, {"program": program}).scalar_one_or_none() or ACROSS_PROGRAMS
