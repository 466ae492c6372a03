"""Sends approved payouts, and retrying ones whose time has come."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Claim, call and record until nothing is due; `details` has succeeded, declined, unknown."""
    from core.sending import send_due
    from jobs.provider import run_at_the_rail

    return run_at_the_rail(send_due, orders)


JOB = Job(
    name="send",
    sentence="send approved payouts, and retrying ones that are due",
    run_once=run_once,
    every_s=2,
    options=frozenset({"payout_id", "limit"}),
)
