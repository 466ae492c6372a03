"""The views of the queue: which payouts are open, ready, blocked, set aside, waiting for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, and_, case, cast, func, not_, or_, select

from core.guards import DETAILED, FILE_METHODS
from core.reads.tables import (
    account_state,
    approval,
    bank_arrival,
    destination,
    hold,
    partner,
    payout,
    payout_item,
    program,
    rail_in_use,
)
from core.reads.timed import too_late_for_today, waits_for_its_time

VIEWS = (
    "open",
    "ready",
    "blocked",
    "second_person",
    "retrying",
    "approved",
    "leaves",
    "timed",
    "paid",
    "sent_back",
    "aside",
    "all",
)
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
STATUSES_BLOCKED = ("pending", "approved", "retrying")

# Views that are statuses and nothing else: the counters know their totals.
STATUSES_OF_VIEW: dict[str, tuple[str, ...]] = {
    "open": OPEN_STATUSES,
    "retrying": ("retrying",),
    "approved": ("approved",),
    "paid": ("paid",),
    "all": STATUSES,
}

NAMED = ("blocked", "second_person")  # the views whose payouts are told by id

_owner = partner.alias("owner")
_inner = payout.alias("waiting")


def in_view(conn: Connection, view: str, *, now: datetime) -> ColumnElement[bool]:
    """Return what makes a payout part of a view."""
    if view in STATUSES_OF_VIEW:
        return payout.c.status.in_(STATUSES_OF_VIEW[view])
    if view == "leaves":
        return leaves_today(conn, now=now)
    if view == "timed":
        return and_(waits_for_its_time(conn, now=now), not_(blocked(now=now)))
    if view == "sent_back":
        return payout.c.id.in_(select(bank_arrival.c.payout_id).where(bank_arrival.c.status == "failed"))
    flags = Flags(
        status=payout.c.status, aside=set_aside(now=now), stopped=blocked(now=now), begun=begun_approval()
    )
    inside = flags.in_view(view)
    if view != "blocked":
        return inside
    # Few of many, and no index tells which: as an array of their own, or a page of them is looked for in all there ever was.
    few = select(_inner.c.id).where(_inner.c.status.in_(STATUSES_BLOCKED))
    return and_(payout.c.id == func.any(func.array(few.scalar_subquery())), inside)


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
            waits = self.status.in_(STATUSES_BLOCKED)
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
    """Return ready, blocked, second_person and aside, each open payout looked at once; ids only of the blocked and
    of those that wait for a second person.
    """
    names = ("ready", "blocked", "second_person", "aside")
    looked_at = (
        select(
            payout.c.id,
            payout.c.status,
            payout.c.queued_at,
            set_aside(now=now).label("aside"),
            or_(_held(now=now), _is_unfit(), _cannot_be_taken()).label("stopped"),
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
        func.array_agg(looked_at.c.id).filter(flags.in_view(name)).label(f"{name}_ids") for name in NAMED
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
            ids=tuple(row[f"{name}_ids"] or ()) if name in NAMED else (),
        )
        for name in names
    }


def set_aside(*, now: datetime) -> ColumnElement[bool]:
    """Return what is taken out of the review for now; it is back on its day, in UTC."""
    today = now.astimezone(UTC).date()
    return func.coalesce(payout.c.aside_until > today, False)


def leaves_today(conn: Connection, *, now: datetime) -> ColumnElement[bool]:
    """Return what leaves by itself today in its program's zone: approved, its time today, or under way, and not blocked."""
    day_of_leaving = cast(func.timezone(program.c.zone, payout.c.due_at), Date)
    today = cast(func.timezone(program.c.zone, now), Date)
    due = (
        select(1)
        .where(program.c.id == payout.c.program_id, day_of_leaving <= today)
        .correlate(payout)
        .exists()
    )
    return and_(
        payout.c.status.in_(("approved", "processing", "retrying")),
        or_(payout.c.due_at.is_(None), due),
        not_(too_late_for_today(conn, now=now)),
        or_(payout.c.status == "processing", not_(blocked(now=now))),
        not_(not_served()),
    )


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
    active, a destination that is no longer the partner's; and once approved, by an account that cannot be paid, or by
    details that a payment file would need.
    """
    unfit = select(1).where(_owner.c.id == payout.c.partner_id, _is_unfit()).correlate(payout).exists()
    return or_(_held(now=now), unfit, _cannot_be_taken())


def blocked_among(conn: Connection, payout_ids: Sequence[int], *, now: datetime) -> frozenset[int]:
    """Return which of these payouts may not leave now, those set aside included."""
    query = select(payout.c.id).where(
        payout.c.id.in_(payout_ids), payout.c.status.in_(STATUSES_BLOCKED), blocked(now=now)
    )
    return frozenset(conn.execute(query).scalars())


def _cannot_be_taken() -> ColumnElement[bool]:
    """Return what nobody could take now: it keeps an approved payout, and no one from approving another."""
    not_ready = (
        select(destination.c.id)
        .join_from(account_state, destination, destination.c.account == account_state.c.account)
        .join(rail_in_use, rail_in_use.c.provider == account_state.c.provider)
        .where(not_(account_state.c.ready))
    )
    waits = payout.c.status.in_(("approved", "retrying"))
    undetailed = (
        select(1)
        .where(destination.c.id == payout.c.destination_id, destination.c.payee_ref.is_(None))
        .correlate(payout)
        .exists()
    )
    by_nobody = or_(payout.c.method.not_in(FILE_METHODS), and_(payout.c.method.in_(DETAILED), undetailed))
    return and_(waits, or_(payout.c.destination_id.in_(not_ready), and_(not_served(), by_nobody)))


def not_served() -> ColumnElement[bool]:
    """Return what the rail in use does not pay: it leaves in payment files, if at all."""
    served = select(1).where(payout.c.method == func.any(rail_in_use.c.methods)).correlate(payout).exists()
    return and_(select(1).select_from(rail_in_use).exists(), not_(served))


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
