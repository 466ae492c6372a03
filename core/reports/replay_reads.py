"""What a replay is made of: the program's last weeks as the ledger tells them, by partner and step.

A step is an instant at which something may be decided: a run of the queue that took place, or the end of a day. What
happens between two steps is summed, so that a replay holds partners × steps figures however many earnings there were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, text

from core.days import day_of, first_instant
from core.programs import Program
from core.queueing import SERVED_ALL_THE_SAME

Ints = npt.NDArray[np.int64]
LONGEST_CYCLE = timedelta(days=62)
NIGHTLY_UTC = time(2, 15)  # when the queue runs by its timetable, where no run is on record


class Step(NamedTuple):
    """An instant, the day that ends or goes on there, and whether the queue ran."""

    at: datetime
    day: date
    is_queue: bool


@dataclass(frozen=True, kw_only=True)
class Payee:
    """A partner as the terms see them."""

    id: int
    tier: str | None
    overrides: dict[str, Any]
    method: str
    joined_on: date


class Asked(NamedTuple):
    """A payout that was made: partner's place, step, minor units, its day."""

    place: int
    step: int
    amount_minor: int
    fee_minor: int
    day: date


class Taken(NamedTuple):
    """A correction, whether hold days `shifts` what it took back, and whether that was in a payout before these weeks."""

    place: int
    step: int
    amount_minor: int
    earned_at: datetime
    release_at: datetime
    shifts: bool
    paid_before: bool


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """`moved[p, s]` came to a partner's available money up to a step, payouts that stand left out; `opening` was there before;
    `blocked` is where a hold, a suspension or a missing destination stood in the way.
    """

    program: Program
    start: datetime
    now: datetime
    steps: list[Step]
    payees: list[Payee]
    opening: Ints
    moved: Ints
    held_minor: int  # at the end, of all partners
    blocked: npt.NDArray[np.bool_]
    requests: list[Asked]
    scheduled: list[Asked]
    ended: list[
        tuple[int, int]
    ]  # scheduled payouts that came to nothing: they served their slot all the same
    served: dict[int, datetime]
    cap_used: Ints
    taken: list[Taken]
    gross_share: float  # gross of sales to one unit paid


QUEUE_RUNS = text("""
    SELECT DISTINCT at FROM (
        SELECT as_of AS at FROM job_run WHERE job = 'queue' AND ok AND as_of > :start AND as_of <= :now
         UNION SELECT queued_at FROM payout WHERE program_id = :program_id AND slot IS NOT NULL
                                              AND queued_at > :start AND queued_at <= :now) runs ORDER BY at
""")
# A payout that stands is what a replay makes anew; one that came to nothing kept its money from its making to its end.
MOVED = text("""
    SELECT t.partner_id, width_bucket(t.effective_at - interval '1 microsecond', CAST(:steps AS timestamptz[])) AS step,
           sum(CASE WHEN t.to_account = 'available' THEN t.amount_minor ELSE -t.amount_minor END)::bigint AS moved,
           sum(CASE WHEN t.kind <> 'reserve' OR NOT p.live
                    THEN CASE WHEN t.to_account = 'available' THEN t.amount_minor ELSE -t.amount_minor END
                    ELSE 0 END)::bigint AS without_standing
      FROM ledger_transfer t JOIN partner r ON r.id = t.partner_id
      LEFT JOIN payout p ON t.kind = 'reserve' AND p.id = t.payout_id
     WHERE r.program_id = :program_id AND t.effective_at > :start AND t.effective_at <= :now
       AND 'available' IN (t.from_account, t.to_account)
     GROUP BY 1, 2
""")
PAYEES = text("""
    SELECT r.id, r.tier, r.overrides, r.method, r.joined_on, r.status, b.available, b.held, d.first_at
      FROM partner r JOIN partner_balance b ON b.partner_id = r.id
      LEFT JOIN LATERAL (SELECT opened_at AS first_at FROM destination WHERE partner_id = r.id ORDER BY id LIMIT 1) d ON true
     WHERE r.program_id = :program_id AND (b.available <> 0 OR b.held <> 0 OR r.id = ANY(:moved)) ORDER BY r.id
""")
PAYOUTS = text("""
    SELECT partner_id, origin, live, amount_minor, fee_minor, queued_at, slot FROM payout
     WHERE program_id = :program_id AND queued_at > :start AND queued_at <= :now ORDER BY queued_at, id
""")
HOLDS = text("""
    SELECT h.partner_id, h.opened_at, least(h.closed_at, h.until) AS ended_at
      FROM hold h JOIN partner r ON r.id = h.partner_id
     WHERE r.program_id = :program_id AND h.earning_id IS NULL AND h.payout_id IS NULL
       AND h.opened_at <= :now AND coalesce(least(h.closed_at, h.until), 'infinity') > :start
""")
SUSPENSIONS = text("""
    SELECT c.subject_id AS partner_id, c.at, c.old_value, c.new_value
      FROM change c JOIN partner r ON r.id = c.subject_id
     WHERE c.subject = 'partner' AND c.field = 'status' AND r.program_id = :program_id ORDER BY c.subject_id, c.id
""")
SERVED = text("""
    SELECT partner_id, max(slot) AS slot FROM (
        SELECT partner_id, slot FROM payout
         WHERE program_id = :program_id AND slot IS NOT NULL AND queued_at <= :start AND queued_at >= :since
         UNION ALL
        SELECT s.partner_id, s.slot FROM skip s JOIN partner r ON r.id = s.partner_id
         WHERE r.program_id = :program_id AND s.at <= :start AND s.at >= :since AND s.reason = ANY(:served)) before
     GROUP BY partner_id
""")
CAP_USED = text("""
    SELECT partner_id, sum(amount_minor)::bigint AS used FROM payout
     WHERE program_id = :program_id AND live AND cap_month = :month AND queued_at <= :start AND queued_at >= :month
     GROUP BY partner_id
""")
TAKEN = text("""
    SELECT t.partner_id, t.effective_at, t.amount_minor, e.occurred_at AS earned_at, e.release_at,
           e.sale_id IS NOT NULL AND e.kind IN ('booking', 'commission') AS shifts,
           EXISTS (SELECT 1 FROM payout_item i JOIN payout p ON p.id = i.payout_id
                    WHERE i.earning_id = e.id AND i.live AND p.queued_at <= :start) AS paid_before
      FROM ledger_transfer t JOIN earning c ON c.id = t.earning_id JOIN earning e ON e.id = c.corrects_id
     WHERE t.kind IN ('void', 'debt') AND t.effective_at > :start AND t.effective_at <= :now
       AND c.program_id = :program_id AND c.kind IN ('void', 'clawback')
     ORDER BY t.effective_at, t.id
""")
GROSS_SHARE = text("""
    SELECT sum(e.gross_minor)::float / nullif(sum(i.amount_minor), 0)
      FROM payout p JOIN payout_item i ON i.payout_id = p.id JOIN earning e ON e.id = i.earning_id
     WHERE p.program_id = :program_id AND p.live AND p.queued_at > :start AND p.queued_at <= :now
""")


def read_weeks(conn: Connection, program: Program, *, days: int, now: datetime, of_gross: bool) -> Weeks:
    """Return a program's last days, today included, by its zone; with the gross behind payouts for fees `of_gross`."""
    zone = ZoneInfo(program.zone)
    start = first_instant(day_of(now, zone) - timedelta(days=days - 1), zone)
    span: dict[str, Any] = {"program_id": program.id, "start": start, "now": now}
    steps = _steps(list(conn.execute(QUEUE_RUNS, span).scalars()), start=start, now=now, zone=zone)
    ends = [step.at for step in steps]
    moved_rows = conn.execute(MOVED, span | {"steps": ends}).all()
    rows = conn.execute(PAYEES, span | {"moved": sorted({row.partner_id for row in moved_rows})}).all()
    place = {row.id: at for at, row in enumerate(rows)}
    opening = np.array([row.available for row in rows], dtype=np.int64)
    moved = np.zeros((len(rows), len(steps)), dtype=np.int64)
    if moved_rows:
        places = np.array([place[row.partner_id] for row in moved_rows], dtype=np.int64)
        columns = np.minimum(np.array([row.step for row in moved_rows], dtype=np.int64), len(steps) - 1)
        np.add.at(
            moved, (places, columns), np.array([row.without_standing for row in moved_rows], dtype=np.int64)
        )
        np.subtract.at(opening, places, np.array([row.moved for row in moved_rows], dtype=np.int64))
    requests, scheduled, ended = _payouts(conn, span, place, steps)
    month = day_of(start, zone).replace(day=1)
    cap_used = np.zeros(len(rows), dtype=np.int64)
    for row in conn.execute(CAP_USED, span | {"month": month}):
        if row.partner_id in place:
            cap_used[place[row.partner_id]] = row.used
    before = span | {"since": start - LONGEST_CYCLE, "served": sorted(SERVED_ALL_THE_SAME)}
    return Weeks(
        program=program,
        start=start,
        now=now,
        steps=steps,
        payees=[
            Payee(id=r.id, tier=r.tier, overrides=r.overrides, method=r.method, joined_on=r.joined_on)
            for r in rows
        ],
        opening=opening,
        moved=moved,
        held_minor=sum(row.held for row in rows),
        blocked=_blocked(conn, span, rows, place, ends),
        requests=requests,
        scheduled=scheduled,
        ended=ended,
        served={
            place[row.partner_id]: row.slot for row in conn.execute(SERVED, before) if row.partner_id in place
        },
        cap_used=cap_used,
        taken=[
            Taken(
                place[r.partner_id],
                _step_of(r.effective_at, ends),
                r.amount_minor,
                r.earned_at,
                r.release_at,
                r.shifts,
                r.paid_before,
            )
            for r in conn.execute(TAKEN, span)
            if r.partner_id in place
        ],
        gross_share=(conn.execute(GROSS_SHARE, span).scalar_one() or 1.0) if of_gross else 1.0,
    )


def _steps(runs: list[datetime], *, start: datetime, now: datetime, zone: ZoneInfo) -> list[Step]:
    first, last = day_of(start, zone), day_of(now, zone)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if not runs:
        nights = (datetime.combine(day, NIGHTLY_UTC, UTC) for day in days)
        runs = [night for night in nights if start < night <= now]
    ends = {min(first_instant(day + timedelta(days=1), zone), now): (day, False) for day in days}
    marks = ends | {run: (day_of(run, zone), True) for run in runs}
    return [Step(at, *marks[at]) for at in sorted(marks)]


def _step_of(at: datetime, ends: list[datetime]) -> int:
    """The step that ends at or after an instant."""
    return min(bisect_right(ends, at - timedelta(microseconds=1)), len(ends) - 1)


def _payouts(
    conn: Connection, span: dict[str, Any], place: dict[int, int], steps: list[Step]
) -> tuple[list[Asked], list[Asked], list[tuple[int, int]]]:
    ends = [step.at for step in steps]
    requests: list[Asked] = []
    scheduled: list[Asked] = []
    ended: list[tuple[int, int]] = []
    for row in conn.execute(PAYOUTS, span):
        if row.partner_id not in place:
            continue
        step = _step_of(row.queued_at, ends)
        one = Asked(place[row.partner_id], step, row.amount_minor, row.fee_minor, steps[step].day)
        if row.live:
            (scheduled if row.origin == "schedule" else requests).append(one)
        elif row.origin == "schedule":
            ended.append((one.place, one.step))
    return requests, scheduled, ended


def _blocked(
    conn: Connection,
    span: dict[str, Any],
    rows: Sequence[Row[Any]],
    place: dict[int, int],
    ends: list[datetime],
) -> npt.NDArray[np.bool_]:
    blocked = np.zeros((len(rows), len(ends)), dtype=np.bool_)

    def between(at: int, since: datetime | None, until: datetime | None) -> None:
        begin = 0 if since is None else bisect_right(ends, since - timedelta(microseconds=1))
        finish = len(ends) if until is None else bisect_right(ends, until - timedelta(microseconds=1))
        blocked[at, begin:finish] = True

    for hold in conn.execute(HOLDS, span):
        if hold.partner_id in place:
            between(place[hold.partner_id], hold.opened_at, hold.ended_at)
    suspended = np.zeros_like(blocked)
    changed: set[int] = set()
    for change in conn.execute(SUSPENSIONS, span):
        if (at := place.get(change.partner_id)) is None:
            continue
        if change.partner_id not in changed:
            suspended[at] = change.old_value != "active"
            changed.add(change.partner_id)
        suspended[at, bisect_right(ends, change.at - timedelta(microseconds=1)) :] = (
            change.new_value != "active"
        )
    for row in rows:
        if row.status != "active" and row.id not in changed:
            suspended[place[row.id]] = True
        between(place[row.id], None, row.first_at)
    return blocked | suspended
