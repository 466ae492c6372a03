"""What the company's own books call the desk's accounts, for the journal it takes home."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.refusals import Refusal

# What each account is, in the words of whoever keeps the books.
ACCOUNTS = {
    "earnings": "What partners earned: the company's expense",
    "held": "Owed to partners, not released yet",
    "available": "Owed to partners, payable",
    "reserved": "Owed to partners, in payouts under way",
    "paid": "Money that left: the provider's clearing account",
    "fees": "Payout fees that partners bear",
}
CODE_LENGTH_MAX = 60


class BadAccountCode(Refusal):
    """An account code has 1 to 60 characters, and the account is one of the desk's."""

    code = "bad_account_code"


READ = text("SELECT account, code FROM account_code")
WRITE = text("""
    INSERT INTO account_code (account, code) VALUES (:account, :code)
    ON CONFLICT (account) DO UPDATE SET code = excluded.code
""")


def account_codes(conn: Connection) -> dict[str, str]:
    """Return the company's code of every account; one that was given none goes by our own name."""
    return {account: account for account in ACCOUNTS} | {row.account: row.code for row in conn.execute(READ)}


def set_account_codes(conn: Connection, codes: Mapping[str, str], *, actor: Actor, now: datetime) -> int:
    """Give accounts their codes in the company's books and return how many changed. Refuses NotAllowed, BadAccountCode."""
    actor.must("change policies")
    known, changed = account_codes(conn), {}
    for account, written in codes.items():
        code = written.strip()
        if account not in ACCOUNTS or not 0 < len(code) <= CODE_LENGTH_MAX:
            raise BadAccountCode
        if code != known[account]:
            conn.execute(WRITE, {"account": account, "code": code})
            changed[account] = code
    if changed:
        audit.record(
            conn, "account_codes.changed", subject="desk", ids=[], actor=actor, now=now, details=changed
        )
    return len(changed)
