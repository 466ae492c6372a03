"""Pulling payouts back: what has not left is cancelled, and its money is the partner's again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from core.taking import undo_payouts

LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
CANCEL = text("""
    UPDATE payout SET status = 'cancelled', reason_code = :reason_code, reason = :reason, retry_at = NULL,
                      decided_at = :now
     WHERE id = ANY(:ids) AND status = ANY(:statuses)
    RETURNING id
""")


def pull_back_payouts(
    conn: Connection,
    payout_ids: Sequence[int],
    statuses: Sequence[str],
    *,
    reason_code: str,
    reason: str,
    now: datetime,
) -> list[int]:
    """Cancel those of the payouts that still have one of these statuses and give their money back; returns their ids.

    The caller holds the partners' balance rows.
    """
    if not payout_ids:
        return []
    conn.execute(LOCK_PAYOUTS, {"ids": list(payout_ids)})
    values = {
        "ids": list(payout_ids),
        "statuses": list(statuses),
        "reason_code": reason_code,
        "reason": reason,
    }
    cancelled = sorted(conn.execute(CANCEL, values | {"now": now}).scalars())
    undo_payouts(conn, cancelled, now=now)
    return cancelled
