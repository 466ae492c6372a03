"""What a run of a job did and how long it took, in words; the same for the timetable's runs and a person's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pages.shared import format as fmt

DID = {
    "accrue": "earning",
    "release": "earning",
    "queue": "payout",
    "send": "payout",
    "retry": "payout",
    "resolve": "outcome",
    "reversals": "reversal",
    "events": "event",
    "reconcile": "difference",
    "remind": "message",
    "notify": "message",
    "check": "fault",
}


def took(duration_ms: int) -> str:
    """Return how long a run took: `< 1 s`, `2 min`."""
    return "< 1 s" if duration_ms < 1000 else fmt.span(timedelta(milliseconds=duration_ms))  # noqa: PLR2004 - a second


def did(job: str, count: int, result: Mapping[str, Any]) -> str:
    """Return what a run did: `12 payouts, $1,200.00, 3 skipped`."""
    words = [fmt.count(count, DID.get(job, "row"))]
    amounts = result.get("amounts") or {}
    if amounts:
        words.append(fmt.totals({str(currency): int(minor) for currency, minor in amounts.items()}))
    skipped = sum(int(skip["count"]) for skip in result.get("skipped") or [])
    if skipped:
        words.append(f"{skipped:,} skipped")
    return ", ".join(words)


def failed(error: str) -> str:
    """Return the first line of why a run failed."""
    return fmt.plain(error.splitlines()[0][:120])
