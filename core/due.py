"""What the sender looks at: payouts whose delay and pauses are over and whose hours have come, and no others."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, text

from core.send_hours import resting_at

# Asked policy by policy along `payout_due`: what waits or rests is not even looked at, however much of it there is.
DUE = text("""
    SELECT p.id, p.currency, p.net_minor
      FROM policy l
     CROSS JOIN (VALUES (0), (1), (2), (3)) AS priority (rank)
     CROSS JOIN LATERAL (
            SELECT id, currency, net_minor, queued_at FROM payout
             WHERE policy_id = l.id AND priority_rank = priority.rank AND due_at <= :now
               AND status IN ('approved', 'retrying') AND (NOT :retrying_only OR status = 'retrying')
               AND method = ANY(:methods)
            OFFSET 0) p
     WHERE l.id <> ALL(:resting) AND (priority.rank = 3 OR l.id <> ALL(:urgent_only))
     ORDER BY priority.rank DESC, p.queued_at, p.id
""")
DUE_ONE = text("""
    SELECT id, currency, net_minor FROM payout
     WHERE id = :only AND status IN ('approved', 'retrying') AND (NOT :retrying_only OR status = 'retrying')
       AND method = ANY(:methods)
""")


def due_payouts(
    conn: Connection,
    *,
    methods: frozenset[str],
    now: datetime,
    only: int | None = None,
    retrying_only: bool = False,
) -> list[Row[tuple[int, str, int]]]:
    """Return the payouts to be sent by these methods, urgent ones first, then the oldest.

    `only` is one payout's id, whose pause counts as over; whether it may leave is for the guards to say.
    """
    values = {"methods": sorted(methods), "now": now, "retrying_only": retrying_only}
    if only is not None:
        return list(conn.execute(DUE_ONE, values | {"only": only}))
    resting = resting_at(conn, now)
    hours = {"resting": resting.all, "urgent_only": resting.but_urgent}
    return list(conn.execute(DUE, values | hours))
