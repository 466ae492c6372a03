"""Sends only retrying payouts that are due; the timetable's `send` takes them too, so this runs by hand."""

from __future__ import annotations

from functools import partial

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Try again what is due; `details` has succeeded, declined, unknown."""
    from core.sending import send_due
    from jobs.provider import run_at_the_rail

    return run_at_the_rail(partial(send_due, retrying_only=True), orders)


JOB = Job(
    name="retry",
    sentence="send again retrying payouts that are due",
    run_once=run_once,
    options=frozenset({"payout_id", "limit"}),
)
