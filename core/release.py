"""Release: money whose hold time is over moves from held to available.

A partner's mark (`partner_balance.released_to`) says up to when their earnings are released; a run moves it to `now`
and posts the sum of what lay between. An earning written later behind the mark is available at once, so late arrivals
are never stranded. Holds on earnings whose end has come are lifted on the way.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from core import audit
from core.access import job_actor
from core.ledger import lock_partners
from core.runs import RunResult, partner_ranges, unit_of_work

DUE = text("""
    SELECT count(*) AS n, g.currency, sum(o.amount_minor)::bigint AS amount_minor
      FROM open_item o
      JOIN partner_balance b USING (partner_id)
      JOIN partner p ON p.id = o.partner_id
      JOIN program g ON g.id = p.program_id
     WHERE o.partner_id = ANY(:partner_ids) AND o.release_at <= :now AND o.release_at > b.released_to
       AND o.amount_minor > 0 AND NOT o.on_hold
     GROUP BY g.currency
""")
# A hold on an earning ends by itself when its time has come; the money follows with the release that finds it.
LIFT_LAPSED = text("""
    WITH lapsed AS (
        UPDATE hold SET closed_at = :now, closed_by = 'job:release', close_note = 'Its time was over'
         WHERE partner_id = ANY(:partner_ids) AND earning_id IS NOT NULL AND closed_at IS NULL AND until <= :now
        RETURNING partner_id, earning_id),
    freed AS (
        UPDATE open_item o SET on_hold = false
          FROM lapsed l
         WHERE o.earning_id = l.earning_id AND o.on_hold
           AND NOT EXISTS (SELECT 1 FROM hold h
                            WHERE h.partner_id = l.partner_id AND h.earning_id = l.earning_id AND h.closed_at IS NULL
                              AND (h.until IS NULL OR h.until > :now))
        RETURNING o.earning_id, o.partner_id, o.amount_minor, o.release_at)
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id, effective_at)
    SELECT f.partner_id, 'lift', 'held', 'available', f.amount_minor, g.currency, f.earning_id, :now
      FROM freed f
      JOIN partner_balance b USING (partner_id)
      JOIN partner p ON p.id = f.partner_id
      JOIN program g ON g.id = p.program_id
     WHERE f.release_at <= b.released_to AND f.amount_minor > 0
     ORDER BY f.partner_id, f.earning_id
    RETURNING currency, amount_minor
""")
POST = text("""
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, effective_at)
    SELECT o.partner_id, 'release', 'held', 'available', sum(o.amount_minor), g.currency, :now
      FROM open_item o
      JOIN partner_balance b USING (partner_id)
      JOIN partner p ON p.id = o.partner_id
      JOIN program g ON g.id = p.program_id
     WHERE o.partner_id = ANY(:partner_ids) AND o.release_at <= :now AND o.release_at > b.released_to
       AND o.amount_minor > 0 AND NOT o.on_hold
     GROUP BY o.partner_id, g.currency
     ORDER BY o.partner_id
""")
MOVE_MARK = text("""
    UPDATE partner_balance SET released_to = :now WHERE partner_id = ANY(:partner_ids) AND released_to < :now
""")
# In id order, as everybody takes them; an update alone goes by the order of the table.
LOCK_PROGRAMS = text("SELECT id FROM program ORDER BY id FOR NO KEY UPDATE")
MOVE_PROGRAM_MARK = text("UPDATE program SET released_to = :now WHERE released_to < :now")


def release_due(
    engine: Engine,
    *,
    now: datetime,
    program: str | None = None,
    partner: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
) -> RunResult:
    """Release everything that matured up to `now`, partner range by partner range, and return how many and how much.

    `limit` is a number of partners. Running it again, late or twice at once changes nothing that is already released.
    """
    result = RunResult()
    with engine.connect() as conn:
        ranges = list(partner_ranges(conn, program=program, partner=partner, limit=limit))
    for partner_ids in ranges:
        with unit_of_work(engine, dry_run=dry_run) as conn:
            release_range(conn, partner_ids, result, now=now)
    if program is None and partner is None and limit is None and not dry_run:
        with engine.begin() as conn:
            conn.execute(LOCK_PROGRAMS)
            conn.execute(MOVE_PROGRAM_MARK, {"now": now})
    return result


def release_range(
    conn: Connection,
    partner_ids: list[int],
    result: RunResult,
    *,
    now: datetime,
) -> None:
    """Release one range of partners in the caller's transaction and add what it moved to `result`."""
    values = {"partner_ids": partner_ids, "now": now}
    lock_partners(conn, partner_ids)
    moved, amounts = 0, Counter[str]()
    for lifted in conn.execute(LIFT_LAPSED, values):
        moved += 1
        amounts[lifted.currency] += lifted.amount_minor
    due = conn.execute(DUE, values).all()
    for row in due:
        moved += row.n
        amounts[row.currency] += row.amount_minor
    if due:
        conn.execute(POST, values)
    conn.execute(MOVE_MARK, values)
    result.count += moved
    result.amounts.update(amounts)
    if moved:
        audit.record(
            conn,
            "earnings.released",
            subject="partner",
            ids=[],
            actor=job_actor("release"),
            now=now,
            details={
                "partners": len(partner_ids),
                "first": partner_ids[0],
                "earnings": moved,
                "amounts": dict(amounts),
            },
        )
