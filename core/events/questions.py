"""Which connected accounts have an open question: asked about is what is not known, and no account besides."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

ASKED_FOR = timedelta(days=14)
PER_RUN = 1_000

# Payouts that arrived at the account, of which the bank has not been heard.
OPEN = text("""
    SELECT q.account
      FROM (SELECT DISTINCT d.account
              FROM payout p JOIN destination d ON d.id = p.destination_id
             WHERE p.status = 'paid' AND p.processed_at >= :since AND d.account IS NOT NULL) q
      LEFT JOIN event_watermark w ON w.provider = :provider AND w.account = q.account
     WHERE w.polled_at IS NULL OR w.polled_at <= :looked_before
     ORDER BY w.polled_at NULLS FIRST, q.account
     LIMIT :limit
""")


def accounts_with_questions(
    conn: Connection, provider: str, *, now: datetime, looked_before: datetime, limit: int = PER_RUN
) -> list[str]:
    """Return the accounts to ask about that were not looked at since `looked_before`, the longest ago first."""
    values = {"provider": provider, "since": now - ASKED_FOR, "looked_before": looked_before, "limit": limit}
    return list(conn.execute(OPEN, values).scalars())
