"""A partner's payout failed for good: how much, and what is to be mended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT, PARTNER

FAILED = text("""
    SELECT p.id AS payout_id, p.net_minor, p.currency, p.method, p.processed_at AS failed_at,
           coalesce((SELECT a.error_class FROM attempt a WHERE a.payout_id = p.id AND a.state = 'declined'
                      ORDER BY a.n DESC LIMIT 1), 'transient') AS error_class
      FROM payout p WHERE p.id = :payout_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the payout's amount in minor units, and the class of what refused it."""
    return dict(conn.execute(FAILED, about).mappings().one())


KIND = Kind(
    title="Payout failed",
    audience="partner",
    facts=facts,
    sample=PARTNER
    | {
        "payout_id": 1042,
        "net_minor": 124_750,
        "method": "stripe",
        "failed_at": AT,
        "error_class": "account",
    },
)
