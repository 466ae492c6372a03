"""Compares the provider's books with ours; every difference is a row that a person closes."""

from __future__ import annotations

from datetime import time

from core.reconcile_requests import begin_request, end_request, request_waits
from core.runs import RunResult
from jobs.job import Job, Orders
from jobs.provider import make_balances, make_provider
from jobs.slots import Daily


def run_once(orders: Orders) -> RunResult:
    """Read both books, write down what differs, and tell whoever asked for it how it ended."""
    from core.reconciling import reconcile

    asked = None
    if not orders.dry_run:
        with orders.engine.begin() as conn:
            asked = begin_request(conn, now=orders.now)
    fault = "the process ended"
    try:
        result = reconcile(
            orders.engine,
            make_provider(orders),
            now=orders.now,
            dry_run=orders.dry_run,
            balances=make_balances(orders),
        )
        fault = ""
    except Exception as caught:
        fault = str(caught)
        raise
    finally:
        if asked is not None:
            with orders.engine.begin() as conn:
                end_request(conn, asked, now=orders.now, fault=fault or None)
    return result


JOB = Job(
    name="reconcile",
    sentence="compare the provider's books with ours",
    run_once=run_once,
    slots=Daily(time(6, 0)),
    asked=request_waits,
)
