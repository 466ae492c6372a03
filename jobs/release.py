"""Moves what has matured from held to available."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders
from jobs.slots import Hourly


def run_once(orders: Orders) -> RunResult:
    """Release every earning whose release date has come."""
    from core.release import release_due

    return release_due(
        orders.engine,
        now=orders.now,
        program=orders.program,
        partner=orders.partner,
        limit=orders.limit,
        dry_run=orders.dry_run,
    )


JOB = Job(
    name="release",
    sentence="make available what has matured",
    run_once=run_once,
    slots=Hourly(),  # 02:00 is the night's
    after=("accrue",),
    options=frozenset({"program", "partner", "limit"}),
)
