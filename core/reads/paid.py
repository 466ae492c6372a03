"""What one partner was paid, month by month."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

PAID_PER_MONTH = text("""
    SELECT month::date AS day, coalesce(sum(p.net_minor), 0)::bigint AS net_minor, count(p.id) AS count
      FROM partner r JOIN program g ON g.id = r.program_id
     CROSS JOIN LATERAL generate_series(
            date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE g.zone) - make_interval(months => :months - 1),
            date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE g.zone), interval '1 month') AS month
      LEFT JOIN payout p ON p.partner_id = r.id AND p.status = 'paid'
                        AND date_trunc('month', p.processed_at AT TIME ZONE g.zone) = month
     WHERE r.id = :partner_id
     GROUP BY month ORDER BY month
""")


def paid_per_month(conn: Connection, partner_id: int, *, now: datetime, months: int = 12) -> pd.DataFrame:
    """Return day (the month's first), net_minor and count of the payouts paid in each month of the program's zone."""
    return to_frame(conn.execute(PAID_PER_MONTH, {"partner_id": partner_id, "now": now, "months": months}))
