"""Whether a connected account can be paid, read from what Stripe says of it. Every field may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class NotReady:
    """One reason why an account cannot be paid: a code and the sentence to show."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether an account can be paid. `due` is what Stripe still asks of its owner, `due_by` until when."""

    reasons: tuple[NotReady, ...] = ()
    due: tuple[str, ...] = ()
    due_by: datetime | None = None

    @property
    def ok(self) -> bool:
        """Nothing stands in the way."""
        return not self.reasons


GONE = Readiness(
    reasons=(NotReady(code="account_gone", sentence="Stripe does not know this account, or it left us"),)
)


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
    return Readiness(
        reasons=tuple(reasons),
        due=tuple(dict.fromkeys((*past_due, *_names(requirements, "currently_due")))),
        due_by=datetime.fromtimestamp(deadline, UTC) if isinstance(deadline, int) else None,
    )


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _names(whole: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(each) for each in whole.get(name) or ())
