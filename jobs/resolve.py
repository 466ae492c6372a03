"""Finds out what became of attempts without an answer: the same key again, then only looking."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Ask about every unknown outcome whose time has come; `details` has succeeded, declined, unknown."""
    from core.resolving import resolve_due
    from jobs.provider import gate_of, make_provider, sent

    return sent(
        resolve_due(
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
    name="resolve",
    sentence="find out what became of attempts without an answer",
    run_once=run_once,
    every_s=60,
    options=frozenset({"payout_id", "limit"}),
)
