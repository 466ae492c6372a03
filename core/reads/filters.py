"""What a person asked the queue for: a filter, its words in an address, and its meaning in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
)

from core.reads.search import Matches, find_payouts
from core.reads.tables import approval, hold, partner, payout, payout_item, program

_owner = partner.alias("owner")

View = Literal["open", "ready", "blocked", "second_person", "retrying", "approved", "paid", "aside", "all"]
Days = Literal["24h", "7d", "30d"]

VIEWS: tuple[str, ...] = get_args(View)
STATUSES = (
    "pending",
    "approved",
    "processing",
    "retrying",
    "paid",
    "reversed",
    "rejected",
    "cancelled",
    "failed",
)
OPEN_STATUSES = ("pending", "approved", "processing", "retrying")
PRIORITIES = ("urgent", "high", "normal", "low")
METHODS = ("stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual")
DAYS: dict[str, timedelta] = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LONGEST_TEXT = 200
_IDS = ARRAY(BigInteger)

# Views that are statuses and nothing else: the counters know their totals.
STATUSES_OF_VIEW: dict[str, tuple[str, ...]] = {
    "open": OPEN_STATUSES,
    "retrying": ("retrying",),
    "approved": ("approved",),
    "paid": ("paid",),
    "all": STATUSES,
}


@dataclass(frozen=True, kw_only=True)
class PayoutFilter:
    """Which payouts are wanted; what is left empty asks nothing. `since` and `until` are days in UTC over
    the queueing instant, both included; `days` is counted back from now.
    """

    view: str = "open"
    status: str | None = None
    priority: str | None = None
    method: str | None = None
    program: str | None = None
    partner: str | None = None
    days: str | None = None
    since: date | None = None
    until: date | None = None
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
            partner=_plain(query, "partner") or None,
            days=_one_of(query, "days", DAYS),
            since=_day(query, "since"),
            until=_day(query, "until"),
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
    found = [in_view(wanted.view, now=now)] if wanted.view != "all" else []
    if wanted.status:
        found.append(payout.c.status == wanted.status)
    if wanted.priority:
        found.append(payout.c.priority == wanted.priority)
    if wanted.method:
        found.append(payout.c.method == wanted.method)
    if wanted.program:
        code = select(program.c.id).where(program.c.code == wanted.program)
        found.append(payout.c.program_id == code.scalar_subquery())
    if wanted.partner:
        who = select(_owner.c.id).where(_owner.c.code == wanted.partner)
        found.append(payout.c.partner_id == who.scalar_subquery())
    if wanted.days in DAYS:
        found.append(payout.c.queued_at > now - DAYS[wanted.days])
    if wanted.since:
        found.append(payout.c.queued_at >= datetime.combine(wanted.since, time(), UTC))
    if wanted.until and wanted.until < date.max:
        found.append(payout.c.queued_at < datetime.combine(wanted.until + timedelta(days=1), time(), UTC))
    if wanted.search:
        found.append(_among(find_payouts(conn, wanted.search, masked=masked)))
    return found


def _among(matches: Matches) -> ColumnElement[bool]:
    return or_(
        payout.c.id == func.any(literal(list(matches.payout_ids), _IDS)),
        payout.c.partner_id == func.any(literal(list(matches.partner_ids), _IDS)),
    )


def in_view(view: str, *, now: datetime) -> ColumnElement[bool]:
    """Return what makes a payout part of a view."""
    if view in STATUSES_OF_VIEW:
        return payout.c.status.in_(STATUSES_OF_VIEW[view])
    flags = Flags(
        status=payout.c.status, aside=set_aside(now=now), stopped=blocked(now=now), begun=begun_approval()
    )
    return flags.in_view(view)


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What decides the views that ask for more than a status.

    What waits for a person is split in four without overlap: set aside, blocked, waiting for a second person,
    ready. Blocked also counts approved and retrying payouts that may not leave.
    """

    status: ColumnElement[str]
    aside: ColumnElement[bool]
    stopped: ColumnElement[bool]
    begun: ColumnElement[bool]

    def in_view(self, view: str) -> ColumnElement[bool]:
        """Return the condition of aside, blocked, second_person or ready."""
        pending = self.status == "pending"
        if view == "aside":
            return and_(pending, self.aside)
        if view == "blocked":
            waits = self.status.in_(("pending", "approved", "retrying"))
            return and_(waits, not_(self.aside), self.stopped)
        free = and_(pending, not_(self.aside), not_(self.stopped))
        return and_(free, self.begun if view == "second_person" else not_(self.begun))


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """So many payouts are in a view, and since when the oldest of them was queued."""

    count: int
    oldest_at: datetime | None
    ids: tuple[int, ...] = ()


def open_views(conn: Connection, *, now: datetime) -> dict[str, Waiting]:
    """Return ready, blocked, second_person and aside, each open payout looked at once; ids only of the blocked."""
    names = ("ready", "blocked", "second_person", "aside")
    looked_at = (
        select(
            payout.c.id,
            payout.c.status,
            payout.c.queued_at,
            set_aside(now=now).label("aside"),
            or_(_held(now=now), _is_unfit()).label("stopped"),
            begun_approval().label("begun"),
        )
        .join_from(payout, _owner, _owner.c.id == payout.c.partner_id)
        .where(payout.c.status.in_(OPEN_STATUSES))
        .cte("looked_at")
        .prefix_with("MATERIALIZED")
    )
    flags = Flags(
        status=looked_at.c.status,
        aside=looked_at.c.aside,
        stopped=looked_at.c.stopped,
        begun=looked_at.c.begun,
    )
    columns: list[ColumnElement[Any]] = [
        func.array_agg(looked_at.c.id).filter(flags.in_view("blocked")).label("blocked_ids")
    ]
    for name in names:
        inside = flags.in_view(name)
        columns += [func.count().filter(inside).label(name)]
        columns += [func.min(looked_at.c.queued_at).filter(inside).label(f"{name}_oldest")]
    row = conn.execute(select(*columns).select_from(looked_at)).mappings().one()
    return {
        name: Waiting(
            count=row[name],
            oldest_at=row[f"{name}_oldest"],
            ids=tuple(row["blocked_ids"] or ()) if name == "blocked" else (),
        )
        for name in names
    }


def set_aside(*, now: datetime) -> ColumnElement[bool]:
    """Return what is taken out of the review for now; it is back on its day, in UTC."""
    today = now.astimezone(UTC).date()
    return func.coalesce(payout.c.aside_until > today, False)


def begun_approval() -> ColumnElement[bool]:
    """Return what one person has approved in its content of now, and another must."""
    approved = (
        select(1)
        .where(
            approval.c.payout_id == payout.c.id,
            approval.c.decision == "approve",
            approval.c.content_hash == func.payout_content_hash(payout.c.id),
        )
        .correlate(payout)
        .exists()
    )
    # As a case, or the planner would compute the digest of every payout there is to join by it.
    return case((payout.c.approvals_needed > 1, approved), else_=False)


def blocked(*, now: datetime) -> ColumnElement[bool]:
    """Return what may not leave now: by a hold in force on partner, payout or an item, a partner that is not
    active, or a destination that is no longer the partner's.
    """
    unfit = select(1).where(_owner.c.id == payout.c.partner_id, _is_unfit()).correlate(payout).exists()
    return or_(_held(now=now), unfit)


def _held(*, now: datetime) -> ColumnElement[bool]:
    in_force = and_(hold.c.closed_at.is_(None), or_(hold.c.until.is_(None), hold.c.until > now))
    on_partner = select(hold.c.partner_id).where(
        in_force, hold.c.earning_id.is_(None), hold.c.payout_id.is_(None)
    )
    on_payout = select(hold.c.payout_id).where(in_force, hold.c.payout_id.is_not(None))
    on_item = (
        select(payout_item.c.payout_id)
        .join_from(hold, payout_item, payout_item.c.earning_id == hold.c.earning_id)
        .where(in_force, payout_item.c.live)
    )
    return or_(payout.c.partner_id.in_(on_partner), payout.c.id.in_(on_payout), payout.c.id.in_(on_item))


def _is_unfit() -> ColumnElement[bool]:
    return or_(_owner.c.status != "active", _owner.c.destination_id.is_distinct_from(payout.c.destination_id))
