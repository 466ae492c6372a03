"""Finds out what became of attempts without an answer: the same key again, then only looking."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Ask about every unknown outcome whose time has come; `details` has succeeded, declined, unknown."""
    from core.resolving import resolve_due
    from jobs.provider import run_at_the_rail

    return run_at_the_rail(resolve_due, orders)


JOB = Job(
    name="resolve",
    sentence="find out what became of attempts without an answer",
    run_once=run_once,
    every_s=60,
    options=frozenset({"payout_id", "limit"}),
)
