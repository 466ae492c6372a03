"""What is known of an account and of a bank, and where both are found in Stripe's own dashboard. It asks no provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, text

BANK_SENT_BACK = "it is back in the partner's Stripe balance: they must mend their bank details"


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account at the provider as it was last shown; `checked_at` None: it has not been asked for yet.

    `address` is its page in Stripe's dashboard, None where the rail in use is another.
    """

    ready: bool | None
    reasons: list[str] = field(default_factory=list)
    whose: Literal["partner", "provider"] = "partner"
    due: list[str] = field(default_factory=list)
    due_by: datetime | None = None
    checked_at: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How far a paid payout got on its way to the bank, and when it is, or was, expected there."""

    status: Literal["pending", "in_transit", "paid", "failed", "canceled"]
    arrival_date: date | None
    failure: str | None
    as_of: datetime

    @property
    def sentence(self) -> str:
        """The words for a person."""
        on = f" on {self.arrival_date.isoformat()}" if self.arrival_date else ""
        match self.status:
            case "pending" | "in_transit":
                return f"On its way to the partner's bank, expected{on or ' soon'}"
            case "paid":
                return f"Arrived at the partner's bank{on}"
            case "canceled":
                return "The way to the bank was called off; it leaves with the account's next payout"
        return f"The bank sent it back ({self.failure}): {BANK_SENT_BACK}"


READ_ACCOUNT = text("""
    SELECT s.ready, s.whose, s.due, s.due_by, s.checked_at,
           ARRAY(SELECT why ->> 'sentence' FROM jsonb_array_elements(s.reasons) AS given (why)) AS reasons
      FROM account_state s WHERE s.account = :account AND s.provider = 'stripe'
""")
MODE = text("SELECT livemode FROM rail_in_use WHERE provider = 'stripe'")


def read_account(conn: Connection, account: str | None) -> Account | None:
    """Return what is known of an account of Stripe's, or None for what is no such account."""
    if account is None or not account.startswith("acct_"):
        return None
    mode = conn.execute(MODE).one_or_none()
    address = None if mode is None else _dashboard(f"connect/accounts/{account}", live=bool(mode.livemode))
    known = conn.execute(READ_ACCOUNT, {"account": account}).mappings().one_or_none()
    if known is None:
        return Account(ready=None, address=address)
    return Account(**known, address=address)


def transfer_address(conn: Connection, provider: str | None, provider_ref: str | None) -> str | None:
    """Return a transfer's page in Stripe's dashboard, or None for what is no transfer of Stripe's."""
    if provider != "stripe" or not (provider_ref or "").startswith("tr_"):
        return None
    mode = conn.execute(MODE).one_or_none()
    return None if mode is None else _dashboard(f"connect/transfers/{provider_ref}", live=bool(mode.livemode))


def _dashboard(path: str, *, live: bool) -> str:
    return f"https://dashboard.stripe.com/{'' if live else 'test/'}{path}"


READ_ARRIVAL = text("""
    SELECT status, arrival_date, failure, as_of FROM bank_arrival WHERE payout_id = :id
""")


def read_arrival(conn: Connection, payout_id: int) -> Arrival | None:
    """Return how far a payout got on its way to the bank, or None when the bank was not heard of yet."""
    known = conn.execute(READ_ARRIVAL, {"id": payout_id}).mappings().one_or_none()
    return None if known is None else Arrival(**known)


SENT_BACK = text("""
    SELECT count(*) AS n, min(b.as_of) AS oldest_at FROM bank_arrival b WHERE b.status = 'failed'
""")


def sent_back(conn: Connection) -> tuple[int, datetime | None]:
    """Return how many payouts a bank sent back whose money no later bank payout took along, and since when."""
    row = conn.execute(SENT_BACK).one()
    return row.n, row.oldest_at
