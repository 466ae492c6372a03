"""Writes down what is to be told because of the time: alerts, reminders, the day before, and payouts that come up."""

from __future__ import annotations

from collections import Counter

from core.runs import RunResult
from jobs.job import Job, Orders

MADE_BY = "job:remind"


def run_once(orders: Orders) -> RunResult:
    """Return how many messages were written, by kind in `details`; the notify job delivers them."""
    from core.advance_notice import tell_of_upcoming
    from core.alerting import tell_of_alerts
    from core.daily_news import is_due, note_told, remind, tell_of_the_day
    from core.runs import unit_of_work
    from jobs.health import standing_alerts

    engine, now, dry_run = orders.engine, orders.now, orders.dry_run
    told: Counter[str] = Counter()
    with unit_of_work(engine, dry_run=dry_run) as conn:
        standing = standing_alerts(conn, now=now)
        told["alert"] = tell_of_alerts(conn, standing, made_by=MADE_BY, now=now)
        told["reminder"] = remind(conn, made_by=MADE_BY, now=now)
        told["daily_summary"] = tell_of_the_day(conn, made_by=MADE_BY, now=now)
        upcoming = is_due(conn, "payout_upcoming", now=now)
    if upcoming:
        told["payout_upcoming"] = tell_of_upcoming(engine, made_by=MADE_BY, now=now, dry_run=dry_run)
        with unit_of_work(engine, dry_run=dry_run) as conn:
            note_told(conn, "payout_upcoming", now=now)
    return RunResult(count=told.total(), details={kind: n for kind, n in sorted(told.items()) if n})


JOB = Job(
    name="remind",
    sentence="write down what is to be told of the day, of what comes up and of what goes wrong",
    run_once=run_once,
    every_s=300,
)
