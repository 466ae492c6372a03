"""Analytics by partner: everyone of a period with the one before beside it, and one partner's own figures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reads.shown import mask
from core.reports.period import Period

PAGE_ROWS = 50
DEFINITION = (
    "Gross of payouts paid, by the day they were paid, and what was earned, by the day of the event, beside the same of the"
    " period before. A later refund is taken off what was earned on the day of the refund, and leaves what was paid."
)


@dataclass(frozen=True, kw_only=True)
class Partners:
    """One page of partners who were paid in the period or before it: code, name, currency, count, paid_minor, before_minor,
    fee_minor, earned_minor; and how many there are.
    """

    rows: pd.DataFrame
    count: int


# An index of payments alone is read; what was earned is looked up for the partners of the page.
PAID = text("""
    WITH span AS MATERIALIZED (
        SELECT id, CAST(:before AS timestamp) AT TIME ZONE zone AS before, CAST(:since AS timestamp) AT TIME ZONE zone AS since,
               CAST(:after AS timestamp) AT TIME ZONE zone AS after
          FROM program WHERE (CAST(:program AS text) IS NULL OR code = :program) AND currency = :currency),
    near AS MATERIALIZED (
        SELECT program_id, partner_id, processed_at, amount_minor, fee_minor FROM payout
         WHERE status IN ('paid', 'reversed')
           AND processed_at >= CAST(:before AS timestamp) AT TIME ZONE 'UTC' - interval '1 day'
           AND processed_at < CAST(:after AS timestamp) AT TIME ZONE 'UTC' + interval '1 day'),
    paid AS (
        SELECT p.partner_id, count(*) FILTER (WHERE p.processed_at >= s.since) AS count,
               coalesce(sum(p.amount_minor) FILTER (WHERE p.processed_at >= s.since), 0)::bigint AS paid_minor,
               coalesce(sum(p.amount_minor) FILTER (WHERE p.processed_at < s.since), 0)::bigint AS before_minor,
               coalesce(sum(p.fee_minor) FILTER (WHERE p.processed_at >= s.since), 0)::bigint AS fee_minor
          FROM near p JOIN span s ON s.id = p.program_id
         WHERE p.processed_at >= s.before AND p.processed_at < s.after
         GROUP BY p.partner_id),
    page AS (SELECT *, count(*) OVER () AS of_all FROM paid ORDER BY paid_minor DESC, partner_id LIMIT :rows OFFSET :first)
    SELECT r.code, w.name, CAST(:currency AS text) AS currency, k.count, k.paid_minor, k.before_minor, k.fee_minor,
           coalesce(e.earned_minor, 0)::bigint AS earned_minor, k.of_all
      FROM page k JOIN partner r ON r.id = k.partner_id JOIN identity w ON w.id = r.identity_id
      JOIN program g ON g.id = r.program_id
      LEFT JOIN LATERAL (
           SELECT sum(amount_minor) AS earned_minor FROM earning
            WHERE partner_id = k.partner_id AND kind NOT IN ('carry_out', 'carry_in', 'return')
              AND occurred_at >= CAST(:since AS timestamp) AT TIME ZONE g.zone
              AND occurred_at < CAST(:after AS timestamp) AT TIME ZONE g.zone) e ON true
     ORDER BY k.paid_minor DESC, k.partner_id
""")


def by_partner(
    conn: Connection, span: Period, *, currency: str, masked: bool, page: int | None = 1
) -> Partners:
    """Return one page (from 1) of the partners of a currency, those who were paid most first; with None everyone."""
    values = {
        "before": span.before.since,
        "currency": currency,
        "rows": None if page is None else PAGE_ROWS,
        "first": 0 if page is None else (page - 1) * PAGE_ROWS,
    }
    rows = to_frame(conn.execute(PAID, span.asked | values))
    count = int(rows["of_all"].iloc[0]) if len(rows) else 0
    shown = rows.drop(columns="of_all")
    return Partners(rows=mask(shown, ("name",)) if masked else shown, count=count)


@dataclass(frozen=True, kw_only=True)
class OnePartner:
    """One partner's figures of a period (metric, count, amount_minor, before_minor; the metrics of analytics) and over time
    (day, currency, revenue_minor, platform_fee_minor, earned_minor, paid_minor).
    """

    code: str
    name: str | None
    program: str
    currency: str
    zone: str
    figures: pd.DataFrame
    over_time: pd.DataFrame
    step: str


WHO = text("""
    SELECT r.id, r.code, w.name, g.code AS program, g.currency, g.zone
      FROM partner r JOIN identity w ON w.id = r.identity_id JOIN program g ON g.id = r.program_id WHERE r.code = :code
""")
# The same as the daily totals, for one partner: what a trigger adds up there is scanned here.
EVENTS = text("""
    SELECT (at AT TIME ZONE :zone)::date AS day, measure, count(*) AS n, sum(amount)::bigint AS amount_minor
      FROM (SELECT occurred_at AS at, 'revenue' AS measure, gross_minor AS amount FROM sale
             WHERE partner_id = :id AND kind <> 'deduction' AND occurred_at >= :begins AND occurred_at < :ends
            UNION ALL
            SELECT occurred_at, m.measure, m.amount
              FROM earning
             CROSS JOIN LATERAL (VALUES ('earned', amount_minor), ('platform_fee', fee_minor)) AS m (measure, amount)
             WHERE partner_id = :id AND kind NOT IN ('carry_out', 'carry_in', 'return')
               AND occurred_at >= :begins AND occurred_at < :ends
            UNION ALL
            SELECT processed_at, m.measure, m.amount
              FROM payout CROSS JOIN LATERAL (VALUES ('paid', amount_minor), ('payout_fee', fee_minor)) AS m (measure, amount)
             WHERE partner_id = :id AND status IN ('paid', 'reversed') AND processed_at >= :begins AND processed_at < :ends
            UNION ALL
            SELECT processed_at, 'failed', amount_minor FROM payout
             WHERE partner_id = :id AND status = 'failed' AND processed_at >= :begins AND processed_at < :ends) happened
     GROUP BY 1, 2
""")
BOUNDS = text("""
    SELECT CAST(:before AS timestamp) AT TIME ZONE :zone AS begins, CAST(:after AS timestamp) AT TIME ZONE :zone AS ends
""")
MEASURES = ("revenue", "platform_fee", "earned", "paid", "payout_fee", "failed")
DRAWN = ("revenue", "platform_fee", "earned", "paid")


def one_partner(
    conn: Connection, code: str, span: Period, *, masked: bool, longest_daily: int
) -> OnePartner | None:
    """Return one partner's own analytics, by the days of their program's zone; None when there is nobody of this code.

    A period longer than `longest_daily` days goes by weeks.
    """
    who = conn.execute(WHO, {"code": code}).one_or_none()
    if who is None:
        return None
    bounds = conn.execute(
        BOUNDS, {"before": span.before.since, "after": span.asked["after"], "zone": who.zone}
    ).one()
    values = {"id": who.id, "zone": who.zone, "begins": bounds.begins, "ends": bounds.ends}
    events = to_frame(conn.execute(EVENTS, values))
    inside = events["day"] >= span.since if len(events) else pd.Series(dtype="bool")
    step = "day" if span.days <= longest_daily else "week"
    return OnePartner(
        code=who.code,
        name=None if masked else who.name,
        program=who.program,
        currency=who.currency,
        zone=who.zone,
        figures=_figures(events[inside], events[~inside], who.currency),
        over_time=_over_time(events[inside], span, step, who.currency),
        step=step,
    )


def _figures(here: pd.DataFrame, before: pd.DataFrame, currency: str) -> pd.DataFrame:
    sums, counts = here.groupby("measure")["amount_minor"].sum(), here.groupby("measure")["n"].sum()
    sums_before = before.groupby("measure")["amount_minor"].sum()
    rows = [
        (one, currency, int(counts.get(one, 0)), int(sums.get(one, 0)), int(sums_before.get(one, 0)))
        for one in MEASURES
    ]
    return pd.DataFrame(rows, columns=["metric", "currency", "count", "amount_minor", "before_minor"])


def _over_time(events: pd.DataFrame, span: Period, step: str, currency: str) -> pd.DataFrame:
    """Every step has a row, also where nothing happened; a week begins on its Monday."""
    days = pd.date_range(span.since, span.until).to_series()
    steps = days if step == "day" else days - pd.to_timedelta(days.dt.weekday, unit="D")
    calendar = sorted({one.date() for one in steps})
    at = pd.to_datetime(events["day"])
    begins = (at if step == "day" else at - pd.to_timedelta(at.dt.weekday, unit="D")).dt.date
    sums = events.assign(step=begins).groupby(["step", "measure"])["amount_minor"].sum()
    columns = {f"{one}_minor": [int(sums.get((day, one), 0)) for day in calendar] for one in DRAWN}
    return pd.DataFrame({"day": calendar, "currency": currency, **columns})
