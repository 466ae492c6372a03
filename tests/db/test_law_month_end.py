"""Account codes: of the ledger's own accounts, and short."""

import pytest
from sqlalchemy import Connection

from tests import builders as b
from tests.db.law import bad_rows, proves, refused


@bad_rows(
    "account_code",
    ("code_of_a_ledger_account", {"account": "petty cash"}),
    ("account_code_is_short", {"code": ""}),
    ("account_code_is_short", {"code": "x" * 61}),
)
def test_a_code_is_given_to_an_account_of_the_ledger(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    good: dict[str, object] = {"account": "earnings", "code": "6300"}
    with refused(owner, rule):
        b.insert(owner, "account_code", good | different)
    b.insert(owner, "account_code", good)


@proves("account_code.account_code_pkey")
def test_an_account_has_one_code(owner: Connection) -> None:
    b.insert(owner, "account_code", {"account": "fees", "code": "7000"})
    with refused(owner, "account_code_pkey"):
        b.insert(owner, "account_code", {"account": "fees", "code": "7001"})


@pytest.mark.parametrize("account", ["earnings", "held", "available", "reserved", "paid", "fees"])
def test_every_account_of_the_ledger_may_have_one(owner: Connection, account: str) -> None:
    b.insert(owner, "account_code", {"account": account, "code": "1"})
