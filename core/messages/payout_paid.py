"""A partner's payout was paid: how much, and what and who is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT, PARTNER

NAMED = 5  # customers named in one letter; the rest is counted

PAID = text("""
    SELECT p.id AS payout_id, p.net_minor, p.fee_minor, p.amount_minor, p.currency, p.method, p.processed_at AS paid_at,
           s.customers, s.sales,
           NOT EXISTS (SELECT 1 FROM payout x WHERE x.partner_id = p.partner_id AND x.status IN ('paid', 'reversed')
                          AND x.id <> p.id AND x.processed_at <= p.processed_at) AS is_first
      FROM payout p
     CROSS JOIN LATERAL (
            SELECT count(DISTINCT e.customer_id) AS customers,
                   count(*) FILTER (WHERE e.kind IN ('booking', 'commission')) AS sales
              FROM payout_item i JOIN earning e ON e.id = i.earning_id WHERE i.payout_id = p.id) s
     WHERE p.id = :payout_id
""")
CUSTOMERS = text("""
    SELECT coalesce(w.name, c.ref) AS name
      FROM (SELECT DISTINCT e.customer_id FROM payout_item i JOIN earning e ON e.id = i.earning_id
             WHERE i.payout_id = :payout_id AND e.customer_id IS NOT NULL ORDER BY 1 LIMIT :named) b
      JOIN customer c ON c.id = b.customer_id JOIN identity w ON w.id = c.identity_id
     ORDER BY c.id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the payout's amounts in minor units, how many customers and sales are behind it, and the first names."""
    paid = dict(conn.execute(PAID, about).mappings().one())
    names = conn.execute(CUSTOMERS, {"payout_id": about["payout_id"], "named": NAMED}).scalars()
    return paid | {"customer_names": list(names)}


KIND = Kind(
    title="Payout paid",
    audience="partner",
    facts=facts,
    sample=PARTNER
    | {
        "payout_id": 1042,
        "net_minor": 124_750,
        "fee_minor": 250,
        "amount_minor": 125_000,
        "method": "stripe",
        "paid_at": AT,
        "customers": 7,
        "sales": 12,
        "is_first": False,
        "customer_names": ["Bo Lind", "Carla Moretti"],
    },
)
