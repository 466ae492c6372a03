"""Recomputes the books, folds the counters and looks for jobs that are late: the desk's own pulse.

Books that do not hold stop all sending at once; two people start it again.
"""

from __future__ import annotations

import logging
from collections import Counter

from sqlalchemy import text

from core.access import job_actor
from core.runs import RunResult
from core.stops import stop_sending
from jobs.health import find_faults, snapshot
from jobs.heartbeat import beat
from jobs.job import Job, Orders

log = logging.getLogger(__name__)

FOLD = text("SELECT fold_totals()")


def run_once(orders: Orders) -> RunResult:
    """Return how many faults stand now; `details` has their names, `note` is what /healthz shows until the next run.

    A violated law of the books stops all sending, under the names of what does not hold.
    """
    if not orders.dry_run:
        with orders.engine.begin() as conn:
            conn.execute(FOLD)
    with snapshot(orders.engine) as conn:
        faults = [fault for fault in find_faults(conn, now=orders.now) if fault.name != "scheduler_silent"]
    amounts: Counter[str] = Counter()
    for fault in faults:
        log.error("%s: %s", fault.name, fault.sentence)
        for money in fault.money_at_risk:
            amounts[money.currency] = max(amounts[money.currency], money.amount_minor)
    broken = next((fault.sentence for fault in faults if fault.name == "books_broken"), "")
    if broken and not orders.dry_run:
        with orders.engine.begin() as conn:
            stop_sending(conn, why=broken, actor=job_actor("check"), now=orders.now)
    if not faults and not orders.dry_run and orders.settings.heartbeat_url:
        beat(orders.settings.heartbeat_url)
    return RunResult(
        count=len(faults),
        amounts=amounts,
        details={"faults": [fault.name for fault in faults], "note": broken},
    )


JOB = Job(
    name="check",
    sentence="recompute the books, fold the counters, look for late jobs",
    run_once=run_once,
    every_s=300,
)
