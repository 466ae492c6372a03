"""What a person asked the queue for: a filter, its words in an address, and its meaning in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, func, literal, or_, select

from core.reads.search import Matches, find_payouts
from core.reads.tables import partner, payout, program
from core.reads.views import OPEN_STATUSES, STATUSES, STATUSES_OF_VIEW, VIEWS, in_view

__all__ = [
    "DAYS",
    "METHODS",
    "OPEN_STATUSES",
    "PRIORITIES",
    "STATUSES",
    "VIEWS",
    "PayoutFilter",
    "conditions",
    "statuses",
    "told_instant",
]


PRIORITIES = ("urgent", "high", "normal", "low")
METHODS = ("stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual")
DAYS: dict[str, timedelta] = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LONGEST_TEXT = 200
COLUMNS = ("status", "priority", "method", "currency")  # asked for as they are
_IDS = ARRAY(BigInteger)


@dataclass(frozen=True, kw_only=True)
class PayoutFilter:
    """Which payouts are wanted; what is left empty asks nothing. `since` and `until` are days in UTC over
    the queueing instant, both included; `days` is counted back from now; `queued_after` and `ended_after` are
    instants, not included, over when it was queued and when it was paid or failed.
    """

    view: str = "open"
    status: str | None = None
    priority: str | None = None
    method: str | None = None
    program: str | None = None
    currency: str | None = None
    partner: str | None = None
    days: str | None = None
    since: date | None = None
    until: date | None = None
    queued_after: datetime | None = None
    ended_after: datetime | None = None
    search: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the filter as parameters of an address, without what asks nothing."""
        query: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                query[field.name] = value.isoformat() if isinstance(value, date) else value
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PayoutFilter:
        """Read parameters of an address; unknown names and values are left out, never an error."""
        return cls(
            view=_one_of(query, "view", VIEWS) or "open",
            status=_one_of(query, "status", STATUSES),
            priority=_one_of(query, "priority", PRIORITIES),
            method=_one_of(query, "method", METHODS),
            program=_plain(query, "program") or None,
            currency=_plain(query, "currency") or None,
            partner=_plain(query, "partner") or None,
            days=_one_of(query, "days", DAYS),
            since=_day(query, "since"),
            until=_day(query, "until"),
            queued_after=told_instant(query, "queued_after"),
            ended_after=told_instant(query, "ended_after"),
            search=_plain(query, "search"),
        )


def _one_of(query: Mapping[str, str], name: str, known: tuple[str, ...] | Mapping[str, object]) -> str | None:
    value = query.get(name, "")
    return value if value in known else None


def _plain(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").replace("\x00", "").strip()[:LONGEST_TEXT]


def _day(query: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        return None


def told_instant(query: Mapping[str, str], name: str) -> datetime | None:
    """Return the aware instant that an address tells under this name, in UTC; None when it tells none."""
    try:
        told = datetime.fromisoformat(query.get(name, "").replace(" ", "+"))
        return told.astimezone(UTC) if told.tzinfo else None
    except (ValueError, OverflowError):
        return None


def statuses(wanted: PayoutFilter) -> tuple[str, ...] | None:
    """Return the statuses the filter comes down to, or None when its view asks for more than a status."""
    of_view = STATUSES_OF_VIEW.get(wanted.view)
    if of_view is None or wanted.status is None:
        return of_view
    return tuple(status for status in of_view if status == wanted.status)


def conditions(
    conn: Connection, wanted: PayoutFilter, *, now: datetime, masked: bool
) -> list[ColumnElement[bool]]:
    """Return what a payout must satisfy; the search is looked up first, so that it becomes a list of ids.

    With `masked`, names, emails and accounts are not searched.
    """
    found = [in_view(conn, wanted.view, now=now)] if wanted.view != "all" else []
    found += [payout.c[name] == value for name in COLUMNS if (value := getattr(wanted, name))]
    found += _times(wanted, now=now)
    if wanted.program:
        code = select(program.c.id).where(program.c.code == wanted.program)
        found.append(payout.c.program_id == code.scalar_subquery())
    if wanted.partner:
        who = select(partner.c.id).where(partner.c.code == wanted.partner)
        found.append(payout.c.partner_id == who.scalar_subquery())
    if wanted.search:
        found.append(_among(find_payouts(conn, wanted.search, masked=masked)))
    return found


def _times(wanted: PayoutFilter, *, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.days in DAYS:
        found.append(payout.c.queued_at > now - DAYS[wanted.days])
    if wanted.since:
        found.append(payout.c.queued_at >= datetime.combine(wanted.since, time(), UTC))
    if wanted.until and wanted.until < date.max:
        found.append(payout.c.queued_at < datetime.combine(wanted.until + timedelta(days=1), time(), UTC))
    if wanted.queued_after:
        found.append(payout.c.queued_at > wanted.queued_after)
    if wanted.ended_after:
        found.append(payout.c.processed_at > wanted.ended_after)
    return found


def _among(matches: Matches) -> ColumnElement[bool]:
    return or_(
        payout.c.id == func.any(literal(list(matches.payout_ids), _IDS)),
        payout.c.partner_id == func.any(literal(list(matches.partner_ids), _IDS)),
    )
