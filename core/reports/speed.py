"""How well and how fast payouts are paid: success, reasons for failure, and the time from earning and approval to payment."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reports.period import Period

DEFINITIONS = {
    "success": "Payouts paid, of those that were paid or failed for good, by the day of that. One that is reversed later was"
    " paid all the same; rejected and cancelled ones were never sent.",
    "reasons": "Refusals of the provider by their code, by the day of the refusal, tries that were repeated with success"
    " among them; and the payouts that failed for good with that code as the last. A later refund plays no part.",
    "earned": "From an earning’s event to its payment, by the day it was paid, each earning above zero once; a part of a split"
    " one counts as one. A later refund leaves it as it was.",
    "approved": "From the last approval to the payment, by the day it was paid, each payout once. A later refund leaves it as it"
    " was.",
}
# A class of waits: its first second, and its words.
CLASSES = {
    0: "Under a minute",
    60: "1–5 minutes",
    300: "5 minutes to an hour",
    3_600: "1–4 hours",
    14_400: "4–24 hours",
    86_400: "1–2 days",
    172_800: "2–3 days",
    259_200: "3–7 days",
    604_800: "7–14 days",
    1_209_600: "14–30 days",
    2_592_000: "30–60 days",
    5_184_000: "60–90 days",
    7_776_000: "90 days or more",
}


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long it took: classes (wait in words, count), how many in all, and their average in seconds; None when none."""

    classes: pd.DataFrame
    count: int
    average_s: float | None


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One period and, of `success`, the one before.

    `success`: period (this, before), paid, failed. `over_time`: day, paid, failed. `reasons`: code, error_class, refusals,
    payouts (failed for good), currency, amount_minor of those.
    """

    success: pd.DataFrame
    over_time: pd.DataFrame
    reasons: pd.DataFrame
    earned: Wait
    approved: Wait
    earned_before: Wait
    approved_before: Wait


ENDED = text("""
    SELECT t.day, coalesce(sum(t.n) FILTER (WHERE t.measure = 'paid'), 0)::bigint AS paid,
           coalesce(sum(t.n) FILTER (WHERE t.measure = 'failed'), 0)::bigint AS failed
      FROM daily_total t JOIN program g ON g.id = t.program_id
     WHERE t.measure IN ('paid', 'failed') AND t.day BETWEEN :since AND :until
       AND (CAST(:program AS text) IS NULL OR g.code = :program) AND (CAST(:currency AS text) IS NULL OR g.currency = :currency)
     GROUP BY t.day ORDER BY t.day
""")
# No zone is further than a day from UTC, so the index narrows what each program's own days then decide.
REASONS = text("""
    WITH span AS MATERIALIZED (
        SELECT id, CAST(:since AS timestamp) AT TIME ZONE zone AS since, CAST(:after AS timestamp) AT TIME ZONE zone AS after
          FROM program WHERE (CAST(:program AS text) IS NULL OR code = :program) AND currency = :currency),
    refused AS (
        SELECT coalesce(a.code, 'unknown') AS code, max(a.error_class) AS error_class, count(*) AS refusals
          FROM attempt a JOIN payout p ON p.id = a.payout_id JOIN span s ON s.id = p.program_id
         WHERE a.state = 'declined' AND a.ended_at >= s.since AND a.ended_at < s.after
           AND a.ended_at >= CAST(:since AS timestamp) AT TIME ZONE 'UTC' - interval '1 day'
           AND a.ended_at < CAST(:after AS timestamp) AT TIME ZONE 'UTC' + interval '1 day'
         GROUP BY 1),
    failed AS (
        SELECT coalesce(p.reason_code, 'unknown') AS code, count(*) AS payouts, sum(p.amount_minor)::bigint AS amount_minor
          FROM payout p JOIN span s ON s.id = p.program_id
         WHERE p.status = 'failed' AND p.processed_at >= s.since AND p.processed_at < s.after
           AND p.processed_at >= CAST(:since AS timestamp) AT TIME ZONE 'UTC' - interval '1 day'
           AND p.processed_at < CAST(:after AS timestamp) AT TIME ZONE 'UTC' + interval '1 day'
         GROUP BY 1)
    SELECT coalesce(r.code, f.code) AS code, coalesce(r.error_class, '') AS error_class, coalesce(r.refusals, 0) AS refusals,
           coalesce(f.payouts, 0) AS payouts, CAST(:currency AS text) AS currency, coalesce(f.amount_minor, 0) AS amount_minor
      FROM refused r FULL JOIN failed f ON f.code = r.code
     ORDER BY 3 DESC, 4 DESC, 1
""")
WAITS = text("""
    SELECT t.measure, t.at_least_s, sum(t.n)::bigint AS n, sum(t.seconds)::bigint AS seconds
      FROM daily_wait t JOIN program g ON g.id = t.program_id
     WHERE t.measure IN ('earned', 'approved') AND t.day BETWEEN :since AND :until
       AND (CAST(:program AS text) IS NULL OR g.code = :program) AND g.currency = :currency
     GROUP BY 1, 2
""")


def speed(conn: Connection, span: Period, *, currency: str) -> Speed:
    """Return how payouts of one currency went in a period, of one program or of all."""
    asked, before = ({**one.asked, "currency": currency} for one in (span, span.before))
    days = to_frame(conn.execute(ENDED, asked))
    days_before = to_frame(conn.execute(ENDED, before))
    waits, waits_before = (to_frame(conn.execute(WAITS, values)) for values in (asked, before))
    success = pd.DataFrame(
        [
            (name, int(found["paid"].sum()), int(found["failed"].sum()))
            for name, found in (("this", days), ("before", days_before))
        ],
        columns=["period", "paid", "failed"],
    )
    return Speed(
        success=success,
        over_time=days,
        reasons=to_frame(conn.execute(REASONS, asked)),
        earned=_wait(waits, "earned"),
        approved=_wait(waits, "approved"),
        earned_before=_wait(waits_before, "earned"),
        approved_before=_wait(waits_before, "approved"),
    )


def _wait(found: pd.DataFrame, measure: str) -> Wait:
    mine = found[found["measure"] == measure]
    counts = dict(zip(mine["at_least_s"].tolist(), mine["n"].tolist(), strict=True))
    drawn = [least for least in CLASSES if least in counts]
    between = [least for least in CLASSES if drawn and drawn[0] <= least <= drawn[-1]]
    count = int(mine["n"].sum())
    return Wait(
        classes=pd.DataFrame(
            {
                "wait": [CLASSES[least] for least in between],
                "count": [int(counts.get(least, 0)) for least in between],
            }
        ),
        count=count,
        average_s=float(mine["seconds"].sum()) / count if count else None,
    )
