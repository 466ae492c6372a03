"""Whether an account at a provider can be paid now: what a rail that pays into accounts can be asked before it sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class NotReady:
    """One reason why an account cannot be paid: a code and the sentence to show."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether an account can be paid, and what has to happen until it can.

    `due` is what the provider still asks of its owner, `due_by` until when; `whose` move it is while it is not ready.
    `banks` are the fingerprints of the places it pays out to; None: the provider does not show them to us.
    """

    reasons: tuple[NotReady, ...] = ()
    due: tuple[str, ...] = ()
    due_by: datetime | None = None
    whose: Literal["partner", "provider"] = "partner"
    banks: tuple[str, ...] | None = None

    @property
    def ok(self) -> bool:
        """Nothing stands in the way."""
        return not self.reasons

    @property
    def gone(self) -> bool:
        """The provider shows no such account to us, or no more."""
        return any(reason.code == ACCOUNT_GONE for reason in self.reasons)


ACCOUNT_GONE = "account_gone"
GONE = Readiness(
    reasons=(NotReady(code=ACCOUNT_GONE, sentence="Stripe does not know this account, or it left us"),)
)


@runtime_checkable
class KnowsAccounts(Protocol):
    """A rail whose accounts may be unable to take money; one without this pays into any destination at any time."""

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        ...

    def account_ready(self, account_id: str) -> Readiness:
        """Return whether this account can be paid now, without changing anything."""
        ...
