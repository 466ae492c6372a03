"""Builds one payout for every partner whose schedule came round, and says why for every one it skipped."""

from __future__ import annotations

from datetime import time

from core.runs import RunResult
from jobs.job import Job, Orders
from jobs.slots import Daily


def run_once(orders: Orders) -> RunResult:
    """Queue what is due; `details` has `skipped`, a list of reason and count."""
    from core.queueing import queue_due

    return queue_due(
        orders.engine,
        now=orders.now,
        run_id=orders.run_id,
        program=orders.program,
        partner=orders.partner,
        limit=orders.limit,
        dry_run=orders.dry_run,
    )


JOB = Job(
    name="queue",
    sentence="queue a payout for every partner whose schedule came round",
    run_once=run_once,
    slots=Daily(time(2, 15)),
    after=("accrue", "release"),
    options=frozenset({"program", "partner", "limit"}),
)
