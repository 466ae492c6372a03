"""Accounts and banks: one rail in use, what is known of an account never goes back, a bank's news only moves on."""

from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.building.accounts import account_state, arrival, rail
from tests.building.rows import change
from tests.db.law import bad_rows, commits, proves, refused


@pytest.fixture
def paid(owner: Connection) -> int:
    """A payout of 100.00, paid."""
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.pay(owner, payout)
    commits(owner)
    return payout


@bad_rows(
    "rail_in_use",
    ("one_rail_at_a_time", {"one": False}),
    ("rail_serves_a_method", {"methods": []}),
)
def test_a_rail_is_in_use_and_serves_something(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        rail(owner, **different)
    rail(owner)


@proves("rail_in_use.rail_in_use_pkey")
def test_one_rail_is_in_use_at_a_time(owner: Connection) -> None:
    rail(owner)
    with refused(owner, "rail_in_use_pkey"):
        rail(owner, provider="simulator")


NOT_READY = {
    "ready": False,
    "reasons": '[{"code": "no_bank_account", "sentence": "No bank account is attached"}]',
}


@bad_rows(
    "account_state",
    ("account_is_named", {"account": ""}),
    ("reasons_are_a_list", {"ready": False, "reasons": "{}"}),
    ("ready_for_no_reason_against", {"ready": False}),
    ("ready_for_no_reason_against", NOT_READY | {"ready": True}),
    ("declared_mover", {"whose": "ours"}),
    ("banks_are_a_digest", {"banks": b"DE89 3704 0044 0532 0130 00"}),
    ("had_bank_means_shown", {"banks": None}),
)
def test_what_is_known_of_an_account_is_as_declared(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        account_state(owner, **different)
    account_state(owner)
    account_state(owner, account="acct_2", **NOT_READY)


@proves("account_state.account_state_pkey")
def test_an_account_is_known_once(owner: Connection) -> None:
    account_state(owner)
    with refused(owner, "account_state_pkey"):
        account_state(owner)
    account_state(owner, provider="simulator")


@proves("account_state.account_state_never_goes_back", "account_state_never_goes_back")
@pytest.mark.parametrize("earlier", [{"asked_at": b.NOW - b.DAY}, {"had_bank": False}])
def test_what_is_known_of_an_account_never_goes_back(
    owner: Connection, earlier: Mapping[str, object]
) -> None:
    account_state(owner)
    with refused(owner, "account_state_never_goes_back"):
        change(owner, "account_state", earlier, "account = 'acct_1'")
    change(owner, "account_state", NOT_READY | {"asked_at": b.NOW + b.DAY}, "account = 'acct_1'")


@proves("account_state.account_state_is_kept", "bank_arrival.arrival_is_kept")
@pytest.mark.parametrize("table", ["account_state", "bank_arrival"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "TRUNCATE {}"])
def test_accounts_and_arrivals_are_kept(owner: Connection, paid: int, table: str, act: str) -> None:
    account_state(owner)
    arrival(owner, paid)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act.format(table)))


@bad_rows(
    "bank_arrival",
    ("arrival_names_its_bank_payout", {"bank_ref": ""}),
    ("arrival_steps_are_counted", {"step": -1}),
    ("declared_arrival", {"status": "lost"}),
    ("failed_arrival_says_why", {"status": "failed"}),
    ("failed_arrival_says_why", {"failure": "closed"}),
    ("failed_arrival_says_why", {"status": "failed", "failure": ""}),
    ("only_failed_has_a_code", {"failure_code": "account_closed"}),
)
def test_an_arrival_is_as_declared(
    owner: Connection, paid: int, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        arrival(owner, paid, **different)
    arrival(owner, paid)


@proves("bank_arrival.bank_arrival_pkey")
def test_a_payout_arrives_once(owner: Connection, paid: int) -> None:
    arrival(owner, paid)
    with refused(owner, "bank_arrival_pkey"):
        arrival(owner, paid, bank_ref="po_other")


@proves("arrival_of_what_has_left", "bank_arrival.arrival_moves_on")
def test_only_what_has_left_arrives_anywhere(owner: Connection) -> None:
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    for prepare in (lambda: None, lambda: b.approve(owner, payout), lambda: b.claim(owner, payout)):
        prepare()
        with refused(owner, "arrival_of_what_has_left"):
            arrival(owner, payout)
    b.pay(owner, payout)
    arrival(owner, payout)


FAILED = {"status": "failed", "failure": "closed"}


@proves("arrival_moves_on")
@pytest.mark.parametrize(
    "back",
    [
        {"status": "pending"},
        {"step": 0},
        {"asked_for": False},
        {"made_at": b.NOW - b.DAY},
        {"made_at": b.NOW - b.DAY, "bank_ref": "po_earlier"},
    ],
)
def test_an_arrival_never_goes_back(owner: Connection, paid: int, back: Mapping[str, object]) -> None:
    arrival(owner, paid, step=1, asked_for=True)
    with refused(owner, "arrival_moves_on"):
        change(owner, "bank_arrival", back, "payout_id = :id", id=paid)


@pytest.mark.parametrize(
    "on",
    [
        {"status": "paid"},
        FAILED,
        FAILED | {"step": 1, "bank_ref": "po_second"},
        {"status": "pending", "made_at": b.NOW + b.DAY, "bank_ref": "po_second"},
    ],
)
def test_an_arrival_moves_on(owner: Connection, paid: int, on: Mapping[str, object]) -> None:
    arrival(owner, paid)
    change(owner, "bank_arrival", on, "payout_id = :id", id=paid)


def test_what_was_paid_may_still_fail_and_never_be_paid_again_by_the_same(
    owner: Connection, paid: int
) -> None:
    arrival(owner, paid, status="paid")
    change(owner, "bank_arrival", FAILED, "payout_id = :id", id=paid)
    with refused(owner, "arrival_moves_on"):
        change(owner, "bank_arrival", {"status": "paid", "failure": None}, "payout_id = :id", id=paid)
