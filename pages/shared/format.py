"""Amounts, dates and ages as people read them. Pure functions: every instant and zone comes in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.money_words import written

MINUS = "−"
ABSENT = "—"
MINUTE, HOUR, DAY = 60, 3600, 86400

METHODS = {
    "stripe": "Stripe",
    "stripe_instant": "Stripe instant",
    "bank_transfer": "Bank transfer",
    "paypal": "PayPal",
    "check": "Check",
    "manual": "By hand",
}
PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High", "urgent": "Urgent"}


def money(minor: int | None, currency: str, *, sign: bool = False) -> str:
    """An amount with its symbol: `€1,283.78`, `−€66.00`; with `sign` a plus before what is above zero."""
    if minor is None:
        return ABSENT
    text = written(minor, currency)
    return f"+{text}" if sign and minor > 0 else text


def totals(amounts: Mapping[str, int]) -> str:
    """Amounts by currency side by side, never added: `€4,101.26 and $120.00`; nothing at all is a dash."""
    parts = [money(minor, currency) for currency, minor in sorted(amounts.items())]
    if not parts:
        return ABSENT
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 payout`, `1,204 payouts`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: Decimal | float, *, decimals: int = 0, sign: bool = False) -> str:
    """A share of one: 0.12 is `12%`."""
    value = f"{abs(float(share)) * 100:,.{decimals}f}%"
    if share < 0:
        return MINUS + value
    return f"+{value}" if sign and share > 0 else value


def day(when: date, today: date) -> str:
    """`Fri 20 Nov` in this year, `20 Nov 2026` in another."""
    if when.year == today.year:
        return f"{when:%a} {when.day} {when:%b}"
    return f"{when.day} {when:%b} {when.year}"


def moment(when: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """`09:04` today, `Fri 20 Nov 09:04` else, in the zone the page names."""
    if when is None:
        return ABSENT
    local, today = when.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    return clock if local.date() == today else f"{day(local.date(), today)} {clock}"


def story_moment(when: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`20 Nov 09:04`, with the year when it is another: for lists of events."""
    local = when.astimezone(zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {local:%H:%M}"


def as_of(now: datetime, zone: ZoneInfo) -> str:
    """The instant a page shows, with its zone: `Fri 20 Nov 2026, 09:04 CET`."""
    local = now.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b} {local.year}, {local:%H:%M %Z}"


def ago(when: datetime | None, now: datetime) -> str:
    """`8 s ago`, `12 min ago`, `5 h ago`, `3 d ago`; never is a dash."""
    return ABSENT if when is None else f"{span(now - when)} ago"


def until(when: datetime | None, now: datetime) -> str:
    """`in 40 s`, `in 3 d`; `now` when it has come."""
    if when is None:
        return ABSENT
    return f"in {span(when - now)}" if when > now else "now"


def span(length: timedelta) -> str:
    """A length of time in its one largest unit: `41 s`, `12 min`, `5 h`, `3 d`."""
    seconds = max(int(length.total_seconds()), 0)
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


def days(since: datetime, now: datetime) -> int:
    """Whole days that have passed."""
    return max((now - since).days, 0)


def method(code: str) -> str:
    """A payout method in words."""
    return METHODS.get(code, code)


def person(actor: str) -> str:
    """Who acted, in words: `user:ada` is `ada`, `job:queue` is `the queue job`, `policy:creator:3` the policy's version 3."""
    kind, _, name = actor.partition(":")
    match kind:
        case "job":
            return f"the {name} job"
        case "policy":
            return f"the policy, version {name.rpartition(':')[2]}"
        case "os":
            return f"{name} (system)"
        case _:
            return name or actor


def plain(text: str) -> str:
    """A text of somebody else, safe inside Markdown: none of its marks count."""
    return "".join(f"\\{mark}" if mark in MARKS else mark for mark in text).replace("\n", " ")


MARKS = frozenset("\\`*_{}[]()<>#+-.!|$~:")
