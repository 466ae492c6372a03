"""Who stays: customers that partners referred, by the month they signed up, and how many are left month by month."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.days import next_month
from core.reads.frames import to_frame

MONTHS = 12
DEFINITION = (
    "Customers by the month they signed up in, days in the program’s zone; after so many months those are left who had not"
    " cancelled that many whole months after their own sign-up. A month is shown once everyone of it could have reached it."
    " A cancellation counts from its own day, whenever it was imported; refunds play no part."
)
# Whole months from sign-up to cancellation, by the program's own days.
COHORTS = text("""
    SELECT to_char(c.signed_up_at AT TIME ZONE g.zone, 'YYYY-MM') AS cohort,
           CASE WHEN c.cancelled_at IS NULL OR c.cancelled_at > :now THEN -1
                ELSE least((extract(year FROM a.age) * 12 + extract(month FROM a.age))::int, :months) END AS months,
           count(*) AS customers
      FROM customer c JOIN program g ON g.id = c.program_id
     CROSS JOIN LATERAL (SELECT age(c.cancelled_at AT TIME ZONE g.zone, c.signed_up_at AT TIME ZONE g.zone) AS age) a
     WHERE (CAST(:program AS text) IS NULL OR g.code = :program)
       AND c.signed_up_at >= (date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE g.zone)
                              - make_interval(months => :months - 1)) AT TIME ZONE g.zone
       AND c.signed_up_at <= :now AND (CAST(:currency AS text) IS NULL OR g.currency = :currency)
       AND (CAST(:partner AS text) IS NULL OR c.partner_id = (SELECT id FROM partner WHERE code = :partner))
     GROUP BY 1, 2
""")


def cohorts(
    conn: Connection,
    *,
    now: datetime,
    program: str | None = None,
    partner: str | None = None,
    currency: str | None = None,
) -> pd.DataFrame:
    """Return cohort (like 2026-03), customers, and left_0 to left_11: how many were left, missing where it is too early.

    The last twelve months, oldest first; a month in which nobody signed up has no row.
    """
    found = to_frame(
        conn.execute(
            COHORTS,
            {"now": now, "program": program, "partner": partner, "currency": currency, "months": MONTHS},
        )
    )
    rows = []
    for cohort, members in found.groupby("cohort", sort=True):
        gone = dict(zip(members["months"].tolist(), members["customers"].tolist(), strict=True))
        everyone = sum(gone.values())
        left: list[int | None] = []
        for month in range(MONTHS):
            lost = sum(count for months, count in gone.items() if 0 <= months < month)
            left.append(everyone - lost if _reached(str(cohort), month, now) else None)
        rows.append((str(cohort), everyone, *left))
    names = ["cohort", "customers", *(f"left_{month}" for month in range(MONTHS))]
    return pd.DataFrame(rows, columns=names, dtype="object").convert_dtypes()


def _reached(cohort: str, months: int, now: datetime) -> bool:
    """Whether who signed up on the last day of the month has been there for so many months; a day later in some zones."""
    ends = date.fromisoformat(f"{cohort}-01")
    for _ in range(months + 1):
        ends = next_month(ends)
    return months == 0 or now.date() > ends
