"""The terms that hold for one partner, in words, and the level that supplied each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection

from core.fees import Fee
from core.policy import Policy
from core.policy import Terms as ResolvedPolicy
from core.programs import partner_terms
from core.reads import words
from core.schedule import Custom, Daily, EveryTwoWeeks, Monthly, OnRequest, Schedule, Weekly

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def minimum_payout_minor(conn: Connection, partner_id: int, *, now: datetime) -> int:
    """Return the least a payout to this partner may be, in minor units, by the terms of `now`."""
    return partner_terms(conn, partner_id, now=now).policy.min_payout_minor


def terms_by_level(conn: Connection, partner_id: int, *, now: datetime) -> pd.DataFrame:
    """Return term, value (in words) and level (partner, tier, program, default) of what holds for a partner."""
    terms = partner_terms(conn, partner_id, now=now)
    source = terms.policy.source if isinstance(terms.policy, ResolvedPolicy) else {}
    rows = [
        (term, value, source.get(key, "program"))
        for key, term, value in _said(terms.policy, terms.program.currency)
    ]
    return pd.DataFrame(rows, columns=["term", "value", "level"], dtype="object")


def _said(policy: Policy, currency: str) -> Iterator[tuple[str, str, str]]:
    yield "commission", "Commission", policy.commission.kind.replace("_", " ")
    yield "schedule", "Paid", schedule_words(policy.schedule)
    yield "min_payout_minor", "Minimum payout", words.amount(policy.min_payout_minor, currency)
    cap = policy.max_per_partner_month_minor
    yield "max_per_partner_month_minor", "Most a month", "—" if cap is None else words.amount(cap, currency)
    yield "hold.days", "Held after the event", _days(policy.hold.days)
    yield "hold.new_partner_days", "Held while new", _days(policy.hold.new_partner_days)
    yield (
        "hold.destination_change_days",
        "Held after a new destination",
        _days(policy.hold.destination_change_days),
    )
    for method, fee in policy.fees.items():
        yield f"fees.{method}", f"Fee by {words.METHOD_WORDS[method]}", fee_words(fee, currency)
    yield "approval", "Second person above", words.amount(policy.approval.dual_above_minor, currency)
    yield "one_open_request", "One open request", "yes" if policy.one_open_request else "no"


def _days(days: int) -> str:
    return "no days" if days == 0 else f"{days} day" if days == 1 else f"{days} days"


def fee_words(fee: Fee, currency: str) -> str:
    """Write a fee's formula: 0.25% of the gross + $0.25, borne by the partner."""
    base = "the sales' gross" if fee.base == "gross" else "the amount"
    parts = [f"{words.percent(fee.pct)} of {base}"] if fee.pct else []
    if fee.fixed_minor:
        parts.append(words.amount(fee.fixed_minor, currency))
    return f"{' + '.join(parts)}, borne by the {fee.payer}" if parts else "none"


def schedule_words(schedule: Schedule) -> str:
    """Write when a partner is paid: weekly on Friday, monthly on day 1, on request."""
    match schedule:
        case OnRequest() | Daily():
            return schedule.kind.replace("_", " ")
        case Weekly():
            return f"weekly on {WEEKDAYS[schedule.weekday - 1]}"
        case EveryTwoWeeks():
            return f"every second {WEEKDAYS[schedule.weekday - 1]}"
        case Monthly():
            return f"monthly on day {schedule.day}"
        case Custom():
            return f"every {schedule.every_days} days from {schedule.anchor:%Y-%m-%d}"
