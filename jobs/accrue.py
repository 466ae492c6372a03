"""Turns customers, periods and sales into earnings, by unique key, with catch-up."""

from __future__ import annotations

from datetime import time

from core.runs import RunResult
from jobs.job import Job, Orders
from jobs.slots import Daily


def run_once(orders: Orders) -> RunResult:
    """Write the earnings that are due and not yet there."""
    from core.accrual import accrue_due

    return accrue_due(
        orders.engine,
        now=orders.now,
        program=orders.program,
        partner=orders.partner,
        limit=orders.limit,
        dry_run=orders.dry_run,
    )


JOB = Job(
    name="accrue",
    sentence="write the bounties, months and periods that are due",
    run_once=run_once,
    slots=Daily(time(1, 30)),
    options=frozenset({"program", "partner", "limit"}),
)
