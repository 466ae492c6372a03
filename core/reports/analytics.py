"""How much came in, was earned, kept and paid, over a period; out of daily totals, so as fast in year five as on day one.

Currencies are never added together. A day is a day in its program's zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.filters import STATUSES
from core.reads.frames import to_frame
from core.reads.shown import mask
from core.reports.period import Period, last_days

PERIODS_DAYS = (7, 30, 90, 365)
LONGEST_DAILY_DAYS = 90
SHORTEST_WEEKLY_DAYS = 14
SHORTEST_MONTHLY_DAYS = 28

# What each figure counts, and by which date; the zone is the program's.
DEFINITIONS: dict[str, str] = {
    "revenue": "Gross of all sales, by the day of the sale. A later refund leaves it as it was.",
    "platform_fees": "What the platform kept of those sales, by the day of the sale. A later refund takes its part off on the"
    " day of the refund.",
    "partner_earnings": "What partners earned, by the day of the event. A later refund is taken off on the day of the"
    " refund, not on that of the sale.",
    "completed_payouts": "Gross of payouts the provider confirmed, by the day they were paid. What comes back later leaves it"
    " as it was.",
    "payout_fees": "The partners' part of payout fees, by the day the payout was paid. What comes back later had its fee all the"
    " same.",
    "payout_costs": "Our part of payout fees, where a policy lets us bear them, by the day the payout was paid. What comes back"
    " later had its fee all the same.",
    "failed_payouts": "Gross of payouts that failed for good, by that day. A later refund leaves it as it was.",
    "pending_payouts": "Gross of payouts that are pending, approved, processing or retrying, as of now. A refund of what is"
    " inside ends one that has not left; beside one under way it stands as a debt.",
    "held": "Earned and not yet released or on hold, as of now. A refund takes its earning out.",
    "available": "Released and in no payout, as of now; debts, so refunds of what was paid, are taken off.",
    "reserved": "Inside payouts that are not paid yet, as of now. A refund of what is inside ends a payout that has not left;"
    " beside one under way it stands as a debt.",
    "statuses": "Payouts by the status they have now, by the day they were queued; one that was reversed later moves there.",
    "top_partners": "Partners by gross of payouts paid, by the day they were paid. What comes back later leaves it as it was.",
}
METRIC_OF_MEASURE = {
    "revenue": "revenue",
    "platform_fee": "platform_fees",
    "earned": "partner_earnings",
    "paid": "completed_payouts",
    "payout_fee": "payout_fees",
    "payout_cost": "payout_costs",
    "failed": "failed_payouts",
}


@dataclass(frozen=True, kw_only=True)
class Analytics:
    """The figures of one period, both days included, and the period before it.

    `figures`: metric, currency, count, amount_minor, previous_count, previous_minor (missing for what is as of now).
    `over_time`: day (the first of its step), currency, revenue_minor, platform_fee_minor, earned_minor, paid_minor, and
    the paid_before_minor of the same days of the period before.
    `statuses`: status, currency, count. `top_partners`: partner_code, partner_name, currency, count, paid_minor,
    share_pct of all paid in that currency.
    """

    since: date
    until: date
    zone: str
    step: str
    figures: pd.DataFrame
    over_time: pd.DataFrame
    statuses: pd.DataFrame
    top_partners: pd.DataFrame


SUMS = text("""
    SELECT t.measure, g.currency,
           coalesce(sum(t.n) FILTER (WHERE t.day >= :since), 0)::bigint AS count,
           coalesce(sum(t.amount_minor) FILTER (WHERE t.day >= :since), 0)::bigint AS amount_minor,
           coalesce(sum(t.n) FILTER (WHERE t.day < :since), 0)::bigint AS previous_count,
           coalesce(sum(t.amount_minor) FILTER (WHERE t.day < :since), 0)::bigint AS previous_minor
      FROM daily_total t JOIN program g ON g.id = t.program_id
     WHERE t.measure = ANY(:measures) AND t.day BETWEEN :before AND :until
       AND (CAST(:program AS text) IS NULL OR g.code = :program)
     GROUP BY t.measure, g.currency
""")
PENDING = text("""
    SELECT 'pending_payouts' AS metric, c.currency, sum(c.n)::bigint AS count, sum(c.amount_minor)::bigint AS amount_minor
      FROM payout_counter c JOIN program g ON g.id = c.program_id
     WHERE c.status IN ('pending', 'approved', 'processing', 'retrying')
       AND (CAST(:program AS text) IS NULL OR g.code = :program)
     GROUP BY c.currency
""")
BALANCES = text("""
    SELECT v.metric, s.currency, v.count, v.amount_minor
      FROM (SELECT g.currency, count(*) FILTER (WHERE b.held <> 0) AS n_held, sum(b.held)::bigint AS held,
                   count(*) FILTER (WHERE b.available <> 0) AS n_available, sum(b.available)::bigint AS available,
                   count(*) FILTER (WHERE b.reserved <> 0) AS n_reserved, sum(b.reserved)::bigint AS reserved
              FROM partner_balance b JOIN partner r ON r.id = b.partner_id JOIN program g ON g.id = r.program_id
             WHERE CAST(:program AS text) IS NULL OR g.code = :program
             GROUP BY g.currency) s
     CROSS JOIN LATERAL (VALUES ('held', n_held, held), ('available', n_available, available),
                                ('reserved', n_reserved, reserved)) AS v (metric, count, amount_minor)
""")
# Every step of every currency has a row, also where nothing happened. A day of the period before stands at the step of the
# day so many `days` later, so that a month of twelve stands beside the same month of the year before.
OVER_TIME = text("""
    WITH wanted AS (
        SELECT id, currency FROM program WHERE CAST(:program AS text) IS NULL OR code = :program),
    step AS (
        SELECT DISTINCT date_trunc(:step, d)::date AS day
          FROM generate_series(CAST(:since AS timestamp), CAST(:until AS timestamp), interval '1 day') d),
    sums AS (
        SELECT date_trunc(:step, t.day::timestamp)::date AS day, w.currency, t.measure, sum(t.amount_minor) AS amount
          FROM daily_total t JOIN wanted w ON w.id = t.program_id
         WHERE t.measure IN ('revenue', 'platform_fee', 'earned', 'paid') AND t.day BETWEEN :since AND :until
         GROUP BY 1, 2, 3
         UNION ALL
        SELECT date_trunc(:step, (t.day + :days)::timestamp)::date, w.currency, 'paid_before', sum(t.amount_minor)
          FROM daily_total t JOIN wanted w ON w.id = t.program_id
         WHERE t.measure = 'paid' AND t.day BETWEEN CAST(:since AS date) - :days AND CAST(:until AS date) - :days
         GROUP BY 1, 2, 3)
    SELECT step.day, c.currency,
           coalesce(sum(s.amount) FILTER (WHERE s.measure = 'revenue'), 0)::bigint AS revenue_minor,
           coalesce(sum(s.amount) FILTER (WHERE s.measure = 'platform_fee'), 0)::bigint AS platform_fee_minor,
           coalesce(sum(s.amount) FILTER (WHERE s.measure = 'earned'), 0)::bigint AS earned_minor,
           coalesce(sum(s.amount) FILTER (WHERE s.measure = 'paid'), 0)::bigint AS paid_minor,
           coalesce(sum(s.amount) FILTER (WHERE s.measure = 'paid_before'), 0)::bigint AS paid_before_minor
      FROM step CROSS JOIN (SELECT DISTINCT currency FROM wanted) c
      LEFT JOIN sums s ON s.day = step.day AND s.currency = c.currency
     GROUP BY step.day, c.currency ORDER BY c.currency, step.day
""")
# One range of the index for each program and status: no row of the table is touched.
BY_STATUS = text("""
    SELECT s.status, g.currency, sum(c.n)::bigint AS count
      FROM program g CROSS JOIN unnest(CAST(:statuses AS text[])) WITH ORDINALITY AS s (status, place)
     CROSS JOIN LATERAL (SELECT count(*) AS n FROM payout p
                          WHERE p.program_id = g.id AND p.status = s.status
                            AND p.queued_at >= CAST(:since AS timestamp) AT TIME ZONE g.zone
                            AND p.queued_at < CAST(:after AS timestamp) AT TIME ZONE g.zone) c
     WHERE c.n > 0 AND (CAST(:program AS text) IS NULL OR g.code = :program)
     GROUP BY s.status, s.place, g.currency ORDER BY s.place, g.currency
""")
# No zone is further than a day from UTC, so the index, which is all that is read of payouts, narrows what each program's
# own days then decide.
TOP_PARTNERS = text("""
    WITH span AS MATERIALIZED (
        SELECT id, currency, CAST(:since AS timestamp) AT TIME ZONE zone AS since,
               CAST(:after AS timestamp) AT TIME ZONE zone AS after
          FROM program WHERE CAST(:program AS text) IS NULL OR code = :program),
    near AS MATERIALIZED (
        SELECT program_id, partner_id, processed_at, amount_minor FROM payout
         WHERE status IN ('paid', 'reversed')
           AND processed_at >= CAST(:since AS timestamp) AT TIME ZONE 'UTC' - interval '1 day'
           AND processed_at < CAST(:after AS timestamp) AT TIME ZONE 'UTC' + interval '1 day'),
    paid AS (
        SELECT p.partner_id, s.currency, count(*) AS count, sum(p.amount_minor) AS paid
          FROM near p JOIN span s ON s.id = p.program_id
         WHERE p.processed_at >= s.since AND p.processed_at < s.after
         GROUP BY p.partner_id, s.currency),
    total AS (SELECT currency, sum(paid) AS paid FROM paid GROUP BY currency),
    ranked AS (
        SELECT k.*, t.currency, round(100 * k.paid / t.paid, 1)::float AS share_pct
          FROM total t CROSS JOIN LATERAL (SELECT partner_id, count, paid FROM paid WHERE paid.currency = t.currency
                                            ORDER BY paid.paid DESC, partner_id LIMIT :top) k)
    SELECT r.code AS partner_code, w.name AS partner_name, k.currency, k.count, k.paid::bigint AS paid_minor, k.share_pct
      FROM ranked k JOIN partner r ON r.id = k.partner_id JOIN identity w ON w.id = r.identity_id
     ORDER BY k.currency, k.paid DESC, k.partner_id
""")


def steps_of(period: Period) -> list[str]:
    """The steps that make sense over a period: `day`, `week`, `month`, at least one."""
    fits = {
        "day": period.days <= LONGEST_DAILY_DAYS,
        "week": period.days >= SHORTEST_WEEKLY_DAYS,
        "month": period.days >= SHORTEST_MONTHLY_DAYS,
    }
    return [step for step, does in fits.items() if does]


def usual_step(period: Period) -> str:
    """The step of a period where none is chosen: days, weeks where they would be too many."""
    return steps_of(period)[0]


def analytics(
    conn: Connection,
    *,
    now: datetime,
    masked: bool,
    days: int = 30,
    program: str | None = None,
    top: int = 10,
    period: Period | None = None,
    step: str | None = None,
) -> Analytics:
    """Return the figures of the `days` that end today, of one program (its code) or of all; of `period` where one is given,
    and over time by `step` (one of `steps_of` the period).

    Today is by the program's zone, across programs by UTC; a program that does not exist has no figures.
    """
    span = period or last_days(conn, now=now, days=days, program=program)
    step = step or usual_step(span)
    over_time = conn.execute(OVER_TIME, span.asked | {"step": step, "days": span.days})
    statuses = conn.execute(BY_STATUS, span.asked | {"statuses": list(STATUSES)})
    top_partners = to_frame(conn.execute(TOP_PARTNERS, span.asked | {"top": top}))
    return Analytics(
        since=span.since,
        until=span.until,
        zone=span.zone,
        step=step,
        figures=_figures(conn, span),
        over_time=to_frame(over_time),
        statuses=to_frame(statuses),
        top_partners=mask(top_partners, ("partner_name",)) if masked else top_partners,
    )


def _figures(conn: Connection, span: Period) -> pd.DataFrame:
    measures = {"before": span.before.since, "measures": list(METRIC_OF_MEASURE)}
    sums = to_frame(conn.execute(SUMS, span.asked | measures))
    sums.insert(0, "metric", sums["measure"].map(METRIC_OF_MEASURE).astype("object"))
    as_of_now = [
        to_frame(conn.execute(statement, {"program": span.program})) for statement in (PENDING, BALANCES)
    ]
    figures = pd.concat([sums.drop(columns="measure"), *as_of_now], ignore_index=True)
    place = {metric: number for number, metric in enumerate(DEFINITIONS)}
    figures = figures.assign(place=figures["metric"].map(place)).sort_values(["place", "currency"])
    return figures.drop(columns="place").reset_index(drop=True)
