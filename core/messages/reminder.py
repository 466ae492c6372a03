"""What waits for people too long: payouts nobody decided, proposals about to expire, outcomes that stay unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.messages import Kind, NotToBeTold
from core.messages.samples import AT

PENDING_FOR = timedelta(days=3)
# Asked every few minutes, so each proposal is named once before it ends.
EXPIRES_WITHIN = timedelta(hours=6)
UNKNOWN_FOR = timedelta(hours=1)

OLD = text("""
    SELECT (SELECT count(*) FROM payout WHERE status = 'pending' AND queued_at < :queued_before
               AND (aside_until IS NULL OR aside_until <= CAST(:now AS date))) AS pending,
           (SELECT min(queued_at) FROM payout WHERE status = 'pending' AND queued_at < :queued_before
               AND (aside_until IS NULL OR aside_until <= CAST(:now AS date))) AS oldest,
           (SELECT count(*) FROM proposal WHERE decision IS NULL AND expires_at > :now
               AND expires_at <= :expires_by) AS proposals,
           (SELECT min(expires_at) FROM proposal WHERE decision IS NULL AND expires_at > :now) AS expires_at,
           (SELECT count(*) FROM attempt a JOIN payout p ON p.id = a.payout_id
             WHERE p.status = 'processing' AND a.state IN ('unknown', 'absent')
               AND a.started_at < :started_before) AS unknown
""")


def waits_too_long(conn: Connection, *, now: datetime) -> dict[str, object]:
    """Return how many payouts, proposals and outcomes wait too long, since when the oldest, until when the first."""
    values = {
        "now": now,
        "queued_before": now - PENDING_FOR,
        "expires_by": now + EXPIRES_WITHIN,
        "started_before": now - UNKNOWN_FOR,
    }
    return dict(conn.execute(OLD, values).mappings().one())


def facts(conn: Connection, _about: Mapping[str, int], now: datetime) -> Mapping[str, object]:
    """Return what waits now; refuses when everything was decided meanwhile."""
    old = waits_too_long(conn, now=now)
    if not (old["pending"] or old["proposals"] or old["unknown"]):
        raise NotToBeTold(why="it was decided meanwhile")
    return old


KIND = Kind(
    title="Reminder",
    audience="approvers",
    facts=facts,
    sample={"pending": 4, "oldest": AT, "proposals": 1, "expires_at": AT, "unknown": 1},
)
