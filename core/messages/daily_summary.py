"""The day before, for the finance team: what was queued, approved, paid and failed, and what needs a person now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT

DID = text("""
    SELECT did, currency, count(*) AS n, sum(amount_minor)::bigint AS amount_minor FROM (
        SELECT 1 AS place, 'queued' AS did, currency, amount_minor FROM payout WHERE queued_at >= :begin AND queued_at < :end
         UNION ALL
        SELECT 2, 'approved', p.currency, p.amount_minor FROM payout p
         WHERE p.id IN (SELECT payout_id FROM approval WHERE at >= :begin AND at < :end AND decision = 'approve')
           AND p.decided_at >= :begin AND p.decided_at < :end AND p.status NOT IN ('pending', 'rejected', 'cancelled')
         UNION ALL
        SELECT 3, 'paid', currency, amount_minor FROM payout
         WHERE processed_at >= :begin AND processed_at < :end AND status IN ('paid', 'reversed')
         UNION ALL
        SELECT 4, 'failed', currency, amount_minor FROM payout
         WHERE processed_at >= :begin AND processed_at < :end AND status = 'failed') did
     GROUP BY place, did, currency ORDER BY place, currency
""")
NEEDS = text("""
    SELECT (SELECT coalesce(sum(n), 0)::bigint FROM payout_counter WHERE status = 'pending') AS pending,
           (SELECT count(*) FROM proposal WHERE decision IS NULL AND expires_at > :now) AS proposals,
           (SELECT count(*) FROM attempt a JOIN payout p ON p.id = a.payout_id
             WHERE p.status = 'processing' AND a.state IN ('unknown', 'absent')) AS unknown,
           (SELECT count(*) FROM difference WHERE closed_at IS NULL) AS differences,
           (SELECT count(*) FROM message WHERE state IN ('failed', 'unclear')) AS messages
""")


def facts(conn: Connection, about: Mapping[str, int], now: datetime) -> Mapping[str, object]:
    """Return the day of UTC, its acts by currency with amounts in minor units, and how much waits for people now."""
    day = date.fromordinal(about["day"])
    begin = datetime.combine(day, time(), UTC)
    did = conn.execute(DID, {"begin": begin, "end": begin + timedelta(days=1)}).mappings()
    return {
        "at": begin,
        "did": [dict(row) for row in did],
        "needs": dict(conn.execute(NEEDS, {"now": now}).mappings().one()),
    }


KIND = Kind(
    title="Daily summary",
    audience="finance",
    facts=facts,
    sample={
        "at": AT,
        "did": [
            {"did": "queued", "currency": "EUR", "n": 41, "amount_minor": 1_980_000},
            {"did": "approved", "currency": "EUR", "n": 38, "amount_minor": 1_830_000},
            {"did": "paid", "currency": "EUR", "n": 37, "amount_minor": 1_795_000},
            {"did": "failed", "currency": "USD", "n": 1, "amount_minor": 35_000},
        ],
        "needs": {"pending": 12, "proposals": 1, "unknown": 1, "differences": 0, "messages": 0},
    },
)
