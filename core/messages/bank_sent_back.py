"""A bank sent back what a partner was paid: it is in their balance at the provider, and waits for other bank details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind, NotToBeTold
from core.messages.samples import AT, PARTNER

SENT_BACK = text("""
    SELECT p.id AS payout_id, p.net_minor, p.currency, b.status, b.failure AS why, b.as_of AS sent_back_at
      FROM payout p JOIN bank_arrival b ON b.payout_id = p.id WHERE p.id = :payout_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the payout's amount in minor units and the bank's reason; refuses what another bank payout took along."""
    known = dict(conn.execute(SENT_BACK, about).mappings().one())
    if known.pop("status") != "failed":
        raise NotToBeTold(why="the money left for the bank again")
    return known


KIND = Kind(
    title="Sent back by the bank",
    audience="partner",
    facts=facts,
    sample=PARTNER
    | {"payout_id": 1042, "net_minor": 124_750, "why": "the bank account is closed", "sent_back_at": AT},
)
