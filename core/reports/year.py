"""What each partner was paid in a calendar year, for tax forms: gross, fees, net, and what came back."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

# By the day money was paid or came back, in the program's zone. Names are read from the one table that holds them.
YEAR = text("""
    WITH paid AS (
        SELECT p.partner_id, p.currency, count(*) AS payouts, sum(p.amount_minor)::bigint AS gross_minor,
               sum(p.fee_minor)::bigint AS fee_minor, sum(p.net_minor)::bigint AS net_minor
          FROM payout p JOIN program g ON g.id = p.program_id
         WHERE p.status IN ('paid', 'reversed') AND p.processed_at >= make_date(:year, 1, 1) - 1
           AND p.processed_at < make_date(:year + 1, 1, 1) + 1
           AND extract(year FROM p.processed_at AT TIME ZONE g.zone) = :year
         GROUP BY 1, 2),
    back AS (
        SELECT t.partner_id, t.currency, sum(t.amount_minor)::bigint AS returned_minor
          FROM ledger_transfer t JOIN partner r ON r.id = t.partner_id JOIN program g ON g.id = r.program_id
         WHERE t.kind = 'return' AND t.effective_at >= make_date(:year, 1, 1) - 1
           AND t.effective_at < make_date(:year + 1, 1, 1) + 1
           AND extract(year FROM t.effective_at AT TIME ZONE g.zone) = :year
         GROUP BY 1, 2)
    SELECT CAST(:year AS int) AS year, r.code, CASE WHEN NOT :masked THEN who.name END AS name,
           CASE WHEN NOT :masked THEN who.email END AS email, r.country, g.code AS program, k.currency,
           coalesce(paid.payouts, 0) AS payouts, coalesce(paid.gross_minor, 0) AS gross_minor,
           coalesce(paid.fee_minor, 0) AS fee_minor, coalesce(paid.net_minor, 0) AS net_minor,
           coalesce(back.returned_minor, 0) AS returned_minor,
           coalesce(paid.net_minor, 0) - coalesce(back.returned_minor, 0) AS kept_minor
      FROM paid FULL JOIN back USING (partner_id, currency) AS k
      JOIN partner r ON r.id = k.partner_id JOIN program g ON g.id = r.program_id
      LEFT JOIN identity who ON who.id = r.identity_id
     ORDER BY r.code
""")


def year_totals(conn: Connection, year: int, *, masked: bool) -> pd.DataFrame:
    """Return one row per partner and currency that was paid or gave back in a year, in minor units.

    Columns: year, code, name, email (both empty when masked), country, program, currency, payouts, gross_minor,
    fee_minor, net_minor, returned_minor, kept_minor (net less what came back).
    """
    return to_frame(conn.execute(YEAR, {"year": year, "masked": masked}))
