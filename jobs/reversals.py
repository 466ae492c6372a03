"""Pulls agreed money back, and finds out what became of reversals without an answer."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Ask the provider for every reversal that is due; `details` has succeeded, declined, unknown."""
    from core.reversing import reverse_due
    from jobs.provider import gate_of, make_provider, sent

    return sent(
        reverse_due(
            orders.engine,
            make_provider(orders),
            now=orders.now,
            limit=orders.limit,
            only=orders.payout_id,
            dry_run=orders.dry_run,
            stopping=orders.stopping,
            gate=gate_of(orders),
        )
    )


JOB = Job(
    name="reversals",
    sentence="pull agreed money back, and find out what became of reversals without an answer",
    run_once=run_once,
    every_s=3,
    options=frozenset({"payout_id", "limit"}),
)
