"""Applies what the provider tells of: what webhooks brought, and what its own lists show."""

from __future__ import annotations

import time
from datetime import timedelta

from core.runs import RunResult
from jobs.job import Job, Orders

# A webhook wakes this job within a second; the lists are not read more often for it.
LIST_AFTER = timedelta(seconds=30)
# Connected accounts are looked at for this much of a run; the rest of them come first in the next one.
ACCOUNTS_FOR_S = 20.0
ACCOUNT_AGAIN_AFTER = timedelta(minutes=10)


def run_once(orders: Orders) -> RunResult:
    """Apply what waits, read the lists, apply what they brought; `details` has applied, ignored, later, stuck and new.

    A dry run asks nobody: it counts the events whose turn it is. Without a provider that tells of events it does nothing.
    """
    from core.events.applying import Applied, apply_due, count_due
    from core.events.polling import Polled, last_look, poll_accounts, poll_platform
    from jobs.provider import make_source

    source = make_source(orders)
    if source is None:
        return RunResult()
    engine, now = orders.engine, orders.now
    if orders.dry_run:
        with engine.connect() as conn:
            return RunResult(count=count_due(conn, source.name, now=now))
    done, platform, accounts = Applied(), Polled(), Polled()

    def apply() -> None:
        left = None if orders.limit is None else orders.limit - done.looks
        done.add(apply_due(engine, source, now=now, limit=left, stopping=orders.stopping))

    apply()
    with engine.connect() as conn:
        looked_at = last_look(conn, source.name)
    if looked_at is None or not looked_at <= now < looked_at + LIST_AFTER:
        platform = poll_platform(engine, source, now=now)
        apply()
        until = time.monotonic() + ACCOUNTS_FOR_S
        accounts = poll_accounts(
            engine,
            source,
            now=now,
            again_after=ACCOUNT_AGAIN_AFTER,
            enough=lambda: orders.stopping() or time.monotonic() >= until,
        )
        if accounts.new:
            apply()
    details: dict[str, object] = {
        "applied": done.applied,
        "ignored": done.ignored,
        "later": done.later,
        "stuck": done.stuck,
        "new": platform.new + accounts.new,
        "accounts": accounts.accounts,
        "accounts_not_reached": accounts.not_reached,
    }
    if platform.gap is not None:
        since, until_ = (f"{instant:%d %b %Y %H:%M} UTC" for instant in platform.gap)
        details["note"] = (
            f"The provider no longer shows its events of {since} to {until_}: reconcile finds the transfers of that"
            " time, its payments and refunds come by import."
        )
    return RunResult(count=done.ended, details=details)


JOB = Job(
    name="events",
    sentence="apply what the provider tells of",
    run_once=run_once,
    every_s=60,
    options=frozenset({"limit"}),
)
