"""Single values of a file: instants, dates and codes, each with the sentence that says what is wrong with it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)  # anything before is a mistyped year
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]+")
COUNTRY = re.compile(r"[A-Za-z]{2}")
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")


SHOWN_MAX = 40  # what a person needs to recognise the text they wrote


class BadField(ValueError):
    """A value that cannot be what its column says; the message is the sentence to show."""


def shown(value: str) -> str:
    """Return a value short enough for a sentence."""
    return value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}…"


def parse_instant(value: str, *, now: datetime) -> datetime:
    """Read an ISO 8601 instant with its zone, not after `now`, as aware UTC; BadField otherwise."""
    found = INSTANT.fullmatch(value)
    if found is None:
        raise BadField(f"{shown(value)} is not an instant: write it like 2026-10-31T14:05:00Z.")
    if found["zone"] is None:
        raise BadField(f"{value} has no zone: end it with Z or an offset like +02:00.")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadField(f"{value} is no instant of the calendar.") from None
    if instant < OLDEST:
        raise BadField(f"{value} is before {OLDEST:%Y}.")
    if instant > now:
        raise BadField(f"{value} is in the future: it is {now:%Y-%m-%dT%H:%M:%SZ}.")
    return instant


def parse_date(value: str, *, today: date) -> date:
    """Read a date like 2026-10-31, not after `today`; BadField otherwise."""
    if not DATE.fullmatch(value):
        raise BadField(f"{shown(value)} is not a date: write it like 2026-10-31.")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise BadField(f"{value} is no day of the calendar.") from None
    if day < OLDEST.date():
        raise BadField(f"{value} is before {OLDEST:%Y}.")
    if day > today:
        raise BadField(f"{value} is in the future: it is {today}.")
    return day
