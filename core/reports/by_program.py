"""What each program of a currency paid, step by step, and which of them have no sales of customers in our books.

Out of the same daily totals as the other figures of a period, so both add up to them. A day is a day in its program's zone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reports.period import Period

# Every step of every program has a row, also where nothing was paid.
PAID = text("""
    WITH step AS (
        SELECT DISTINCT date_trunc(:step, d)::date AS day
          FROM generate_series(CAST(:since AS timestamp), CAST(:until AS timestamp), interval '1 day') d),
    sums AS (
        SELECT date_trunc(:step, day::timestamp)::date AS day, program_id, sum(n) AS n, sum(amount_minor) AS amount
          FROM daily_total WHERE measure = 'paid' AND day BETWEEN :since AND :until
         GROUP BY 1, 2)
    SELECT step.day, g.code AS program, g.name AS program_name, g.currency, coalesce(s.n, 0)::bigint AS payouts,
           coalesce(s.amount, 0)::bigint AS paid_minor
      FROM step CROSS JOIN program g LEFT JOIN sums s ON s.day = step.day AND s.program_id = g.id
     WHERE g.currency = :currency AND (CAST(:program AS text) IS NULL OR g.code = :program)
     ORDER BY step.day, g.code
""")
# By the terms of the period's last day; only programs that earned in it.
WITHOUT_SALES = text("""
    SELECT g.name, p.kind <> 'external' AS none_at_all
      FROM program g
     CROSS JOIN LATERAL (SELECT terms->'commission'->>'kind' AS kind FROM policy
                          WHERE program_id = g.id AND effective_at < CAST(:after AS timestamp) AT TIME ZONE g.zone
                          ORDER BY version DESC LIMIT 1) p
     WHERE p.kind IN ('external', 'flat_once', 'flat_monthly')
       AND g.currency = :currency AND (CAST(:program AS text) IS NULL OR g.code = :program)
       AND EXISTS (SELECT FROM daily_total t
                    WHERE t.measure = 'earned' AND t.day BETWEEN :since AND :until AND t.program_id = g.id
                      AND t.amount_minor <> 0)
     ORDER BY g.name
""")


@dataclass(frozen=True, kw_only=True)
class WithoutSales:
    """Names of programs whose customers' payments are not in our books: `commission` counts what arrives for them as revenue,
    `no_revenue`, which pay by the customer, has none.
    """

    commission: list[str]
    no_revenue: list[str]


def paid_by_program(conn: Connection, period: Period, *, currency: str, step: str) -> pd.DataFrame:
    """Return what was paid per step (`day`, `week` or `month`) and program, gross, by the day it was paid.

    Columns: day (the first of its step), program (its code), program_name, currency, payouts, paid_minor.
    """
    return to_frame(conn.execute(PAID, period.asked | {"currency": currency, "step": step}))


def without_sales(conn: Connection, period: Period, *, currency: str) -> WithoutSales:
    """Return the programs that earned in a period and whose revenue is not what customers paid."""
    rows = conn.execute(WITHOUT_SALES, period.asked | {"currency": currency}).all()
    return WithoutSales(
        commission=[row.name for row in rows if not row.none_at_all],
        no_revenue=[row.name for row in rows if row.none_at_all],
    )
