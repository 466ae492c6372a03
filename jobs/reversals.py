"""Pulls agreed money back, and finds out what became of reversals without an answer."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Ask the provider for every reversal that is due; `details` has succeeded, declined, unknown."""
    from core.reversing import reverse_due
    from jobs.provider import run_at_the_rail

    return run_at_the_rail(reverse_due, orders)


JOB = Job(
    name="reversals",
    sentence="pull agreed money back, and find out what became of reversals without an answer",
    run_once=run_once,
    every_s=3,
    options=frozenset({"payout_id", "limit"}),
)
