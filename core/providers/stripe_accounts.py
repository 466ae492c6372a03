"""Whether a connected account can be paid, read from what Stripe says of it. Every field may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.providers.readiness import NotReady, Readiness

# Reasons for which Stripe disables an account until its own review is through.
THEIRS = frozenset({"requirements.pending_verification", "under_review", "listed"})


def readiness_of(account: Mapping[str, Any]) -> Readiness:
    """Return the readiness of an account; what Stripe does not say counts as not there, but for the bank account.

    Stripe shows bank accounts only where the platform may see them, so only a list that is shown empty counts.
    """
    reasons = []
    transfers = _part(account, "capabilities").get("transfers") or "missing"
    if transfers != "active":
        sentence = f"The account may not receive transfers: that capability is {transfers}"
        reasons.append(NotReady(code="transfers_inactive", sentence=sentence))
    if account.get("payouts_enabled") is not True:
        sentence = "Stripe does not pay this account's balance out to its bank"
        reasons.append(NotReady(code="payouts_disabled", sentence=sentence))
    external = account.get("external_accounts")
    if isinstance(external, Mapping) and not external.get("data"):
        reasons.append(NotReady(code="no_bank_account", sentence="No bank account is attached"))
    requirements = _part(account, "requirements")
    if past_due := _names(requirements, "past_due"):
        sentence = f"Stripe waits for what is past due: {', '.join(past_due)}"
        reasons.append(NotReady(code="requirements_past_due", sentence=sentence))
    if disabled := requirements.get("disabled_reason"):
        reasons.append(NotReady(code="account_disabled", sentence=f"Stripe disabled the account: {disabled}"))
    deadline = requirements.get("current_deadline")
    due = tuple(dict.fromkeys((*past_due, *_names(requirements, "currently_due"))))
    banks = _banks(external)
    # Stripe works on what it has been given; nobody else can move until it is through.
    verifies = (
        bool(_names(requirements, "pending_verification")) or disabled in THEIRS or transfers == "pending"
    )
    return Readiness(
        reasons=tuple(reasons),
        due=due,
        due_by=datetime.fromtimestamp(deadline, UTC) if isinstance(deadline, int) else None,
        whose="provider" if verifies and not due and banks != () else "partner",
        banks=banks,
    )


def _banks(external: object) -> tuple[str, ...] | None:
    """Return the fingerprints of the places an account pays out to, in one order; None where they are not shown."""
    listed = external.get("data") if isinstance(external, Mapping) else None
    if not isinstance(listed, list):
        return None
    marks = (str(each.get("fingerprint") or each.get("id")) for each in listed if isinstance(each, Mapping))
    return tuple(sorted(set(marks)))


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _names(whole: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(each) for each in whole.get(name) or ())
