"""How reads write figures into sentences; a table's own figures stay numbers and are formatted by the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

import pandas as pd

from core.guards import HOLD_WORDS
from core.money import parse_amount
from core.money_words import written

# What an earning is called, alone and among others.
EARNING_WORDS: dict[str, tuple[str, str]] = {
    "booking": ("booking", "bookings"),
    "commission": ("commission", "commissions"),
    "bounty": ("bounty", "bounties"),
    "recurring": ("customer month", "customer months"),
    "period": ("closed period", "closed periods"),
    "void": ("voided earning", "voided earnings"),
    "clawback": ("clawback", "clawbacks"),
    "reinstate": ("reinstated earning", "reinstated earnings"),
    "deduction": ("deduction", "deductions"),
    "bonus": ("bonus", "bonuses"),
    "carry_out": ("part left for later", "parts left for later"),
    "carry_in": ("part carried over", "parts carried over"),
    "true_up": ("correction of a closed period", "corrections of closed periods"),
    "return": ("payout that came back", "payouts that came back"),
    "manual": ("earning entered by hand", "earnings entered by hand"),
}
METHOD_WORDS = {
    "stripe": "Stripe",
    "stripe_instant": "Stripe instant",
    "bank_transfer": "bank transfer",
    "paypal": "PayPal",
    "check": "check",
    "manual": "by hand",
}


def percent(pct: Decimal) -> str:
    """Write a percentage without needless zeros."""
    return f"{pct.normalize():f}%".replace("-", "−")


def counted(kind: str, count: int) -> str:
    """Write so many earnings of a kind."""
    one, many = EARNING_WORDS[kind]
    return f"{count:,} {one if count == 1 else many}"


def day(at: datetime, zone: tzinfo) -> str:
    """Write the day of an instant in a zone, like 22 Oct."""
    here = at.astimezone(zone)
    return f"{here.day} {here:%b}"


def days(first: datetime, last: datetime, zone: tzinfo) -> str:
    """Write the days from one instant to another, like 22 Oct – 12 Nov."""
    begins, ends = day(first, zone), day(last, zone)
    return begins if begins == ends else f"{begins} – {ends}"


def person(actor: str) -> str:
    """Write who acted without the kind: ada for user:ada, the queue job for a job, the policy with its version."""
    kind, _, name = actor.partition(":")
    if kind == "policy":
        return f"the policy, version {name.rpartition(':')[2]}"
    return f"the {name} job" if kind == "job" else name or actor


def known(value: Any) -> Any:  # noqa: ANN401 (whatever a cell holds)
    """Return a cell's value, with None for every way a frame has of saying that there is none."""
    return None if not isinstance(value, list) and pd.isna(value) else value


def plain(value: Any) -> object:  # noqa: ANN401 (same)
    """Return a cell's value as plain Python: numbers, texts, lists, aware datetimes, or None."""
    found = known(value)
    if isinstance(found, pd.Timestamp):
        return found.to_pydatetime()
    return found.item() if hasattr(found, "item") else found


SKIP_WORDS = {
    "below_minimum": "The balance is below the minimum payout",
    "nothing_available": "Nothing is available",
    "not_positive": "Nothing is available",
    "no_destination": "There is no destination to pay to",
    "partner_suspended": "The partner is suspended",
    "on_hold": "The partner is on hold",
    "cap_reached": "The month's cap is reached",
    "fee_exceeds_amount": "The fee would eat the payout",
    "request_open": "A request is already open",
    "not_due": "The schedule has no slot yet",
}


# The same with the figures a refusal kept; amounts there are plain, like 12.40.
SKIP_FIGURES = {
    "below_minimum": "Below the minimum by {short}: {amount} of {minimum}",
    "nothing_available": "Nothing to pay: the balance is {available}",
    "partner_suspended": "The partner is {status}",
    "on_hold": "On hold{until}: {why}",
    "cap_reached": "The month's cap of {cap} is reached: {used} is paid or on its way",
    "fee_exceeds_amount": "The fee of {fee} would eat the {amount}",
}
# Which of them are amounts: any other may be a number too, like the code of a partner.
AMOUNTS = frozenset({"amount", "short", "minimum", "available", "cap", "used", "fee"})
PLAIN_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def why_not_paid(reason: str, figures: Mapping[str, Any], currency: str) -> str:
    """Write why a partner got no payout: a hold's reason or a skip's, with the figures a skip kept."""
    if reason in HOLD_WORDS:
        return f"On hold: {HOLD_WORDS[reason]}"
    words = {
        name: written(parse_amount(str(value), currency), currency)
        if name in AMOUNTS and PLAIN_AMOUNT.fullmatch(str(value))
        else str(value).removeprefix(",")
        for name, value in figures.items()
    }
    try:
        return SKIP_FIGURES[reason].format_map(words)
    except KeyError:  # one of before, without its figures
        return SKIP_WORDS.get(reason, reason.replace("_", " ").capitalize())
