"""Approved payouts that wait for nothing but their time: the delay after the approval, or their program's hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, false, not_, or_, text

from core.days import day_of, first_instant
from core.decisions import Wanted
from core.reads.tables import payout
from core.send_hours import Timed, resting_at, timed_policies
from core.send_terms import QUARTER

URGENT = payout.c.priority == "urgent"
LONG_AGO = datetime.fromtimestamp(0, tz=UTC)
UNSENT = payout.c.status.in_(("approved", "retrying"))


def rests(conn: Connection, *, now: datetime) -> ColumnElement[bool]:
    """Return what is outside its program's hours."""
    resting = resting_at(conn, now)
    return or_(
        payout.c.policy_id.in_(resting.all), and_(payout.c.policy_id.in_(resting.but_urgent), not_(URGENT))
    )


def waits_for_its_time(conn: Connection, *, now: datetime) -> ColumnElement[bool]:
    """Return what is approved and waits for its delay or its hours; something else may keep it as well."""
    return and_(UNSENT, or_(payout.c.leaves_at > now, rests(conn, now=now)))


def too_late_for_today(conn: Connection, *, now: datetime) -> ColumnElement[bool]:
    """Return what is due so late that its program's hours are over for the day it is in that program's zone."""
    late = []
    for one in timed_policies(conn):
        if not one.sending.has_hours:
            continue
        mine = payout.c.policy_id == one.policy_id
        if one.sending.urgent_passes:
            mine = and_(mine, not_(URGENT))
        late.append(and_(mine, payout.c.due_at >= _end_of_hours(one, now)))
    return and_(UNSENT, or_(false(), *late))


def _end_of_hours(one: Timed, now: datetime) -> datetime:
    """Return the instant of this day from which on its payouts leave another day; long ago when they are over."""
    quarter = first_instant(day_of(now, one.zone) + timedelta(days=1), one.zone)
    while quarter > now:
        quarter -= QUARTER
        if one.sending.is_open(max(quarter, now), one.zone):
            return quarter + QUARTER
    return LONG_AGO


@dataclass(frozen=True, kw_only=True)
class StillHere:
    """Payouts that are approved and have not been claimed, and when the first leaves that waits for its time."""

    payouts: list[Wanted]
    first_at: datetime | None


APPROVED = text("""
    SELECT id, version, policy_id, priority = 'urgent' AS urgent, greatest(leaves_at, :now) AS ready_at
      FROM payout WHERE id = ANY(:ids) AND status = 'approved' ORDER BY id
""")


def still_here(conn: Connection, payout_ids: Sequence[int], *, now: datetime) -> StillHere:
    """Return which of these payouts can still be taken back."""
    known = {one.policy_id: one for one in timed_policies(conn)}
    rows = conn.execute(APPROVED, {"ids": list(payout_ids), "now": now}).all()
    times = {
        known[policy_id].leaves_at(ready_at, urgent=urgent)
        for policy_id, urgent, ready_at in {(row.policy_id, row.urgent, row.ready_at) for row in rows}
        if policy_id in known
    }
    first_at = min((at for at in times if at > now), default=None)
    return StillHere(payouts=[Wanted(id=row.id, version=row.version) for row in rows], first_at=first_at)


@dataclass(frozen=True, kw_only=True)
class Waits:
    """So many payouts wait for their time; `undoable` of them in their delay, and when the first leaves."""

    count: int
    undoable: int
    next_at: datetime | None


WAITING = text("""
    SELECT policy_id, priority = 'urgent' AS urgent, count(*) FILTER (WHERE leaves_at > :now) AS delayed,
           min(leaves_at) FILTER (WHERE leaves_at > :now) AS first_at,
           count(*) FILTER (WHERE leaves_at > :now IS NOT TRUE) AS ready
      FROM payout WHERE policy_id = ANY(:policy_ids) AND status IN ('approved', 'retrying')
     GROUP BY 1, 2
""")


def waiting_for_their_time(conn: Connection, *, now: datetime) -> Waits:
    """Return how many approved payouts leave by themselves later on; asks for nothing where no policy says so."""
    known = {one.policy_id: one for one in timed_policies(conn)}
    count = undoable = 0
    times: list[datetime] = []
    if not known:
        return Waits(count=0, undoable=0, next_at=None)
    for row in conn.execute(WAITING, {"policy_ids": list(known), "now": now}):
        terms = known[row.policy_id]
        count, undoable = count + row.delayed, undoable + row.delayed
        if row.delayed:
            times.append(terms.leaves_at(row.first_at, urgent=row.urgent))
        opens_at = terms.leaves_at(now, urgent=row.urgent)
        if row.ready and opens_at > now:
            count += row.ready
            times.append(opens_at)
    return Waits(count=count, undoable=undoable, next_at=min(times, default=None))
