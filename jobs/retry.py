"""Sends only retrying payouts that are due; the timetable's `send` takes them too, so this runs by hand."""

from __future__ import annotations

from core.runs import RunResult
from jobs.job import Job, Orders


def run_once(orders: Orders) -> RunResult:
    """Try again what is due; `details` has succeeded, declined, unknown."""
    from core.sending import send_due
    from jobs.provider import gate_of, make_provider, sent

    return sent(
        send_due(
            orders.engine,
            make_provider(orders),
            now=orders.now,
            limit=orders.limit,
            only=orders.payout_id,
            retrying_only=True,
            dry_run=orders.dry_run,
            stopping=orders.stopping,
            gate=gate_of(orders),
        )
    )


JOB = Job(
    name="retry",
    sentence="send again retrying payouts that are due",
    run_once=run_once,
    options=frozenset({"payout_id", "limit"}),
)
