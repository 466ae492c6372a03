"""Compares the provider's books with ours; every difference is a row that a person closes."""

from __future__ import annotations

from datetime import time

from core.runs import RunResult
from jobs.job import Job, Orders
from jobs.provider import make_provider
from jobs.slots import Daily


def run_once(orders: Orders) -> RunResult:
    """Read both books and write down what differs; nothing is mended."""
    from core.reconciling import reconcile

    return reconcile(orders.engine, make_provider(orders), now=orders.now, dry_run=orders.dry_run)


JOB = Job(
    name="reconcile",
    sentence="compare the provider's books with ours",
    run_once=run_once,
    slots=Daily(time(6, 0)),
)
