"""A partner's payout was paid: how much, and what is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind

PAID = text("""
    SELECT p.id AS payout_id, p.net_minor, p.fee_minor, p.amount_minor, p.currency, p.method, p.processed_at AS paid_at,
           s.customers, s.sales
      FROM payout p
     CROSS JOIN LATERAL (
            SELECT count(DISTINCT e.customer_id) AS customers,
                   count(*) FILTER (WHERE e.kind IN ('booking', 'commission')) AS sales
              FROM payout_item i JOIN earning e ON e.id = i.earning_id WHERE i.payout_id = p.id) s
     WHERE p.id = :payout_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the payout's amounts in minor units, and how many customers and sales are behind it."""
    return dict(conn.execute(PAID, about).mappings().one())


KIND = Kind(title="Payout paid", audience="partner", facts=facts)
