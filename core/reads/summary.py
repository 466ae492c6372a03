"""One partner's money in one place, gross throughout, as scripts rely on it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core.programs import UnknownPartner
from core.reads.terms import minimum_payout_minor

# What came back is an earning again, so the ledger has already taken it off paid. One row, one moment: the identity
# total = paid out + pending + available + held holds because the total is read from the same row.
SUMMARY = text("""
    SELECT r.id AS partner_id, r.code AS partner_code, r.tier, g.currency,
           b.paid + b.fees + b.reserved + b.available + b.held AS total_earnings_minor,
           b.paid + b.fees AS total_paid_out_minor, b.reserved AS pending_payouts_minor,
           b.available AS available_balance_minor, b.held AS held_balance_minor,
           (SELECT count(*) FROM payout p WHERE p.partner_id = r.id) AS payout_count
      FROM partner r JOIN program g ON g.id = r.program_id JOIN partner_balance b ON b.partner_id = r.id
     WHERE r.code = :code
""")
LAST_PAYOUT = text("""
    SELECT id, amount_minor, status, processed_at FROM payout WHERE partner_id = :id ORDER BY id DESC LIMIT 1
""")


def summary(conn: Connection, code: str, *, now: datetime) -> dict[str, object]:
    """Return a partner's summary, refusing UnknownPartner; amounts gross in minor units, last_payout None or a dict.

    `payout_count` counts every payout ever made for the partner, and `last_payout` is the newest of them.
    """
    row = conn.execute(SUMMARY, {"code": code}).mappings().one_or_none()
    if row is None:
        raise UnknownPartner(partner=code)
    last = conn.execute(LAST_PAYOUT, {"id": row["partner_id"]}).mappings().one_or_none()
    found = {name: value for name, value in row.items() if name != "partner_id"}
    return found | {
        "minimum_payout_minor": minimum_payout_minor(conn, row["partner_id"], now=now),
        "last_payout": None if last is None else dict(last),
    }
