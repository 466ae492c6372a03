"""One partner's statement: every movement between what they are owed and what is in payouts, with the balance after it."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

# What the partner would see: what came in and what went out, and the balance (held and available) after it.
STATEMENT = text("""
    SELECT * FROM (
        SELECT l.id, l.effective_at AS at, l.kind, coalesce(e.kind, '') AS earning_kind,
               CASE WHEN e.corrects_id IS NOT NULL THEN coalesce(s.source_ref, c.ref, x.source_ref)
                    ELSE coalesce(e.source_ref, l.payout_id::text, '') END AS reference, l.payout_id, l.earning_id,
               m.moved AS amount_minor,
               sum(m.moved) OVER (ORDER BY l.id)::bigint AS balance_minor
          FROM ledger_transfer l LEFT JOIN earning e ON e.id = l.earning_id
          LEFT JOIN sale s ON s.id = e.sale_id
          LEFT JOIN customer c ON c.id = e.customer_id
          LEFT JOIN earning x ON x.id = e.corrects_id
         CROSS JOIN LATERAL (SELECT CASE WHEN l.to_account IN ('held', 'available') THEN l.amount_minor ELSE 0 END
                                  - CASE WHEN l.from_account IN ('held', 'available') THEN l.amount_minor ELSE 0 END
                                    AS moved) m
         WHERE l.partner_id = :id AND m.moved <> 0) moves
     ORDER BY id DESC LIMIT CAST(:rows AS bigint)
""")
WHO = text(
    "SELECT p.id, g.currency FROM partner p JOIN program g ON g.id = p.program_id WHERE p.code = :code"
)


def statement(conn: Connection, code: str) -> pd.DataFrame | None:
    """Return a partner's whole statement, the oldest movement first, or None when there is no such partner.

    Columns: those of STATEMENT, and currency; amounts in its minor units.
    """
    who = conn.execute(WHO, {"code": code}).one_or_none()
    if who is None:
        return None
    moves = to_frame(conn.execute(STATEMENT, {"id": who.id, "rows": None}))
    return moves.iloc[::-1].assign(currency=who.currency)
