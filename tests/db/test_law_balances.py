"""Balances: kept by the ledger alone."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@proves("movement_has_a_balance")
def test_money_never_moves_without_a_balance_row(owner: Connection) -> None:
    with refused(owner, "movement_has_a_balance"):
        values = {
            "partner_id": 0,
            "kind": "release",
            "from_account": "held",
            "to_account": "available",
            "amount_minor": 1,
            "currency": "USD",
            "effective_at": b.NOW,
        }
        b.insert(owner, "ledger_transfer", values)


@proves("ledger_transfer.post_balances", "reservation_is_covered")
def test_a_reservation_is_covered_by_what_is_available(owner: Connection, ana: int) -> None:
    sold = b.earning(owner, ana, 100)
    b.earning(owner, ana, 500, is_held=True)
    b.earning(owner, ana, -40, kind="deduction")
    assert b.balance(owner, ana) == b.Balance(held=500, available=60, reserved=0, paid=0, fees=0)
    with refused(owner, "reservation_is_covered"):
        b.payout(owner, ana, [sold])


def test_available_goes_below_zero_through_a_negative_earning_only(owner: Connection, ana: int) -> None:
    b.earning(owner, ana, -50, kind="deduction")
    assert b.balance(owner, ana).available == -50
    b.earning(owner, ana, 80)
    assert b.balance(owner, ana).available == 30


@proves(
    "partner_balance.held_never_negative",
    "partner_balance.reserved_never_negative",
    "partner_balance.paid_never_negative",
)
def test_held_reserved_and_paid_never_go_below_zero(owner: Connection, ana: int) -> None:
    b.earning(owner, ana, 100, is_held=True)
    with refused(owner, "held_never_negative"):
        b.move(owner, ana, "release", "held", "available", 101)
    b.move(owner, ana, "release", "held", "available", 100)
    # Behind the ledger's own rules the columns hold by themselves.
    owner.execute(text("ALTER TABLE partner_balance DISABLE TRIGGER balance_follows_the_ledger"))
    for account in ("reserved", "paid"):
        with refused(owner, f"{account}_never_negative"):
            owner.execute(text(f"UPDATE partner_balance SET {account} = -1"))  # noqa: S608


@proves("partner_balance.balance_follows_the_ledger", "partner_balance.balance_is_kept")
@pytest.mark.parametrize(
    "act",
    [
        *(f"UPDATE partner_balance SET {account} = {account}" for account in b.Balance._fields),  # noqa: S608
        "DELETE FROM partner_balance",
        "TRUNCATE partner_balance",
    ],
)
def test_nobody_edits_a_balance(owner: Connection, ana: int, act: str) -> None:
    b.earning(owner, ana, 100)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))
    assert b.balance(owner, ana).available == 100


@proves("partner_balance.mark_never_moves_back", "mark_never_moves_back")
def test_a_release_mark_never_moves_back(owner: Connection, ana: int) -> None:
    move_mark = text("UPDATE partner_balance SET released_to = :to WHERE partner_id = :id")
    owner.execute(move_mark, {"to": b.NOW + b.DAY, "id": ana})
    with refused(owner, "mark_never_moves_back"):
        owner.execute(move_mark, {"to": b.NOW, "id": ana})
