"""Bank arrival: what became of a paid payout on its way from the partner's account to their bank.

It is a second status beside the payout's and none of our books. What a bank sends back is in the partner's balance at
the provider, never in ours: it changes no payout, and nothing is ever sent again for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.outbox import tell

# What a bank means by a refusal, in a partner's words; what is missing here is told in the provider's own.
FAILURES = {
    "account_closed": "the bank account is closed",
    "account_frozen": "the bank account is frozen",
    "bank_account_restricted": "the bank account takes no such payments",
    "bank_ownership_changed": "the bank account belongs to somebody else now",
    "could_not_process": "the bank could not process it",
    "debit_not_authorized": "the bank does not allow it",
    "declined": "the bank declined it",
    "incorrect_account_holder_address": "the account holder's address is wrong",
    "incorrect_account_holder_name": "the account holder's name is wrong",
    "incorrect_account_holder_tax_id": "the account holder's tax id is wrong",
    "incorrect_account_type": "the bank account is of another type",
    "invalid_account_number": "there is no such account number",
    "invalid_account_number_length": "the account number has the wrong length",
    "invalid_card": "the card is not valid",
    "invalid_currency": "the bank account does not take this currency",
    "no_account": "there is no such bank account",
    "unsupported_card": "the card takes no such payments",
}


@dataclass(frozen=True, kw_only=True)
class BankPayout:
    """A provider's payout from a partner's account to their bank, as it is now; `made_at` is the provider's clock."""

    bank_ref: str
    account: str
    status: str
    made_at: datetime
    arrival_date: date | None
    failure_code: str | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How a bank payout carries a payout of ours: `step` bank payouts before it came back, `asked_for` by us alone."""

    step: int
    asked_for: bool


# The bank payout that took the money along last is the one that counts; of the same one, where it got to.
KEEP = text("""
    INSERT INTO bank_arrival AS b (payout_id, provider, account, bank_ref, step, asked_for, made_at, status, arrival_date,
                                   failure_code, failure, as_of)
    VALUES (:payout_id, :provider, :account, :bank_ref, :step, :asked_for, :made_at, :status, :arrival_date,
            :failure_code, :failure, :now)
    ON CONFLICT (payout_id) DO UPDATE
       SET (bank_ref, account, step, asked_for, made_at, status, arrival_date, failure_code, failure, as_of)
         = (excluded.bank_ref, excluded.account, excluded.step, excluded.asked_for, excluded.made_at, excluded.status,
            excluded.arrival_date, excluded.failure_code, excluded.failure, excluded.as_of)
     WHERE (excluded.step, excluded.asked_for, excluded.made_at, excluded.bank_ref)
           >= (b.step, b.asked_for, b.made_at, b.bank_ref)
       AND (excluded.bank_ref <> b.bank_ref OR arrival_rank(excluded.status) >= arrival_rank(b.status))
       AND (excluded.bank_ref, excluded.status, excluded.arrival_date, excluded.failure, excluded.step)
           IS DISTINCT FROM (b.bank_ref, b.status, b.arrival_date, b.failure, b.step)
    RETURNING payout_id
""")
PARTNER = text("SELECT partner_id FROM payout WHERE id = :payout_id")


def note_arrival(
    conn: Connection,
    provider: str,
    bank: BankPayout,
    carried: Mapping[int, Carried],
    *,
    actor: Actor,
    now: datetime,
) -> list[int]:
    """Keep how far a bank payout got, for the payouts it carries by their id; return those it is news of.

    It never goes back: an older bank payout, or an earlier status of the same, changes nothing. Of what a bank sent back
    the partner is told, once for each bank payout.
    """
    changed = []
    for payout_id, how in sorted(carried.items()):
        values = vars(bank) | vars(how) | {"payout_id": payout_id, "provider": provider, "now": now}
        changed += list(conn.execute(KEEP, values).scalars())
    for payout_id in changed if bank.status == "failed" else []:
        tell(
            conn,
            "bank_sent_back",
            about={"payout_id": payout_id},
            once=f"{payout_id}:{bank.bank_ref}",
            partner_id=conn.execute(PARTNER, {"payout_id": payout_id}).scalar_one(),
            made_by=actor.name,
            now=now,
        )
    if changed:
        details = {"bank_ref": bank.bank_ref, "account": bank.account, "status": bank.status}
        details |= {"failure_code": bank.failure_code} if bank.failure_code else {}
        action = f"payout.bank_{bank.status}"
        audit.record(conn, action, subject="payout", ids=changed, actor=actor, now=now, details=details)
    return changed
