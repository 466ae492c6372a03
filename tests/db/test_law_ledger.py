"""The ledger: declared movements that agree with earnings, payouts and items."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, commits, proves, refused

MOVEMENTS = {
    ("earn", "earnings", "held"),
    ("earn", "earnings", "available"),
    ("release", "held", "available"),
    ("hold", "available", "held"),
    ("lift", "held", "available"),
    ("void", "held", "earnings"),
    ("void", "available", "earnings"),
    ("debt", "available", "earnings"),
    ("reserve", "available", "reserved"),
    ("unreserve", "reserved", "available"),
    ("settle", "reserved", "paid"),
    ("fee", "reserved", "fees"),
    ("return", "paid", "available"),
}
KINDS = {kind for kind, _, _ in MOVEMENTS}
ACCOUNTS = ("earnings", "held", "available", "reserved", "paid", "fees")


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


def test_only_declared_movements_are_in_the_law(owner: Connection) -> None:
    rule = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'declared_movement'")
    definition = owner.execute(rule).scalar_one()
    allowed = [
        (kind, start, end)
        for kind in KINDS
        for start in ACCOUNTS
        for end in ACCOUNTS
        if owner.execute(
            text(
                "SELECT "
                + definition.removeprefix("CHECK ")
                .replace("kind", ":kind")
                .replace("from_account", ":a")
                .replace("to_account", ":b")
            ),
            {"kind": kind, "a": start, "b": end},
        ).scalar_one()
    ]
    assert set(allowed) == MOVEMENTS


@bad_rows(
    "ledger_transfer",
    ("movement_is_positive", {"amount_minor": 0}),
    ("movement_is_positive", {"amount_minor": -100}),
    ("declared_movement", {"from_account": "paid"}),
    ("declared_movement", {"to_account": "reserved"}),
    ("declared_movement", {"kind": "gift"}),
    ("payout_moves_name_it", {"payout_id": 1}),
    ("payout_moves_name_it", {"kind": "reserve", "from_account": "available", "to_account": "reserved"}),
    ("payout_moves_name_it", {"kind": "settle", "from_account": "reserved", "to_account": "paid"}),
    ("payout_moves_name_it", {"kind": "return", "from_account": "paid", "to_account": "available"}),
    ("earning_moves_name_it", {"earning_id": None}),
    (
        "earning_moves_name_it",
        {"earning_id": None, "kind": "debt", "from_account": "available", "to_account": "earnings"},
    ),
    (
        "earning_moves_name_it",
        {"earning_id": None, "kind": "void", "from_account": "held", "to_account": "earnings"},
    ),
)
def test_money_moves_forward_between_declared_accounts_and_names_its_cause(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    right = {
        "partner_id": ana,
        "kind": "earn",
        "from_account": "earnings",
        "to_account": "held",
        "amount_minor": 100,
        "currency": "USD",
        "earning_id": b.fact(owner, ana, 100),
        "effective_at": b.NOW,
    }
    with refused(owner, rule):
        b.insert(owner, "ledger_transfer", right | different)
    b.insert(owner, "ledger_transfer", right)
    assert b.balance(owner, ana).held == 100


@proves("ledger_transfer.earning_posted_once")
def test_an_earning_is_posted_once(owner: Connection, ana: int) -> None:
    sold = b.earning(owner, ana, 100)
    with refused(owner, "earning_posted_once"):
        b.move(owner, ana, "earn", "earnings", "held", 100, earning_id=sold)
    assert b.balance(owner, ana) == b.Balance(held=0, available=100, reserved=0, paid=0, fees=0)


@proves("ledger_transfer.movement_equals_earning", "movement_equals_earning")
def test_an_earning_moves_whole_for_its_own_partner(owner: Connection, ana: int) -> None:
    ben = b.partner(owner, b.program_of(owner, ana))
    sold, rent = b.fact(owner, ana, 100), b.fact(owner, ana, -50, kind="deduction")
    rule = "movement_equals_earning"
    for partner, amount, earning in (
        (ana, 101, sold),
        (ana, 99, sold),
        (ben, 100, sold),
        (ana, 100, 0),
        (ana, 50, rent),
    ):
        with refused(owner, rule):
            b.move(owner, partner, "earn", "earnings", "available", amount, earning_id=earning)
    for partner, amount, earning in ((ana, 51, rent), (ben, 50, rent), (ana, 100, sold)):
        with refused(owner, rule):
            b.move(owner, partner, "debt", "available", "earnings", amount, earning_id=earning)
    b.move(owner, ana, "earn", "earnings", "available", 100, earning_id=sold)
    with refused(owner, rule):
        b.move(owner, ben, "hold", "available", "held", 100, earning_id=sold)
    b.move(owner, ana, "debt", "available", "earnings", 50, earning_id=rent)
    assert b.balance(owner, ana).available == 50


@proves("movement_in_the_programs_currency")
def test_money_moves_in_the_currency_of_its_program(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    with refused(owner, "movement_in_the_programs_currency"):
        b.move(owner, ana, "earn", "earnings", "held", 100, earning_id=sold, currency="EUR")
    b.move(owner, ana, "earn", "earnings", "held", 100, earning_id=sold)


@proves("ledger_transfer.reserve_equals_items", "reserve_equals_items", "ledger_transfer.reserved_once")
def test_payout_items_and_reservation_are_one_amount(owner: Connection, ana: int) -> None:
    b.earning(owner, ana, 500)
    sold = b.fact(owner, ana, 100)
    reserve = ("reserve", "available", "reserved")
    with refused(owner, "reserve_equals_items"):  # no items
        b.move(owner, ana, *reserve, 100, payout_id=b.payout_row(owner, ana, 100))
    with refused(owner, "reserve_equals_items"):  # items sum to less
        payout = b.payout_row(owner, ana, 101)
        b.item(owner, payout, sold)
        b.move(owner, ana, *reserve, 101, payout_id=payout)
    payout = b.payout_row(owner, ana, 100)
    b.item(owner, payout, sold)
    for amount in (99, 101):
        with refused(owner, "reserve_equals_items"):
            b.move(owner, ana, *reserve, amount, payout_id=payout)
    b.move(owner, ana, *reserve, 100, payout_id=payout)
    with refused(owner, "reserved_once"):
        b.move(owner, ana, *reserve, 100, payout_id=payout)
    assert b.balance(owner, ana) == b.Balance(held=0, available=400, reserved=100, paid=0, fees=0)


@proves("only_reserved_money_moves")
def test_a_payout_moves_its_own_reserved_money_only(owner: Connection, ana: int) -> None:
    ben = b.partner(owner, b.program_of(owner, ana))
    b.payout(owner, ben, [b.earning(owner, ben, 100)])
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    rule = "only_reserved_money_moves"
    b.earning(owner, ana, 500)
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.end_attempt(owner, payout, "succeeded")
    b.set_status(owner, payout, "paid")
    with refused(owner, rule):  # of another partner
        b.move(owner, ben, "settle", "reserved", "paid", 100, payout_id=payout)
    with refused(owner, rule):  # of no payout
        b.move(owner, ana, "settle", "reserved", "paid", 100, payout_id=0)
    with refused(owner, rule):
        b.move(owner, ana, "reserve", "available", "reserved", 100, payout_id=0)
    unreserved = b.payout_row(owner, ana, 100)
    b.set_status(owner, unreserved, "rejected", reason="no")
    with refused(owner, rule):
        b.move(owner, ana, "unreserve", "reserved", "available", 100, payout_id=unreserved)


@proves("reservation_ends_with_its_payout", "ledger_transfer.settled_or_undone", "ledger_transfer.fee_once")
def test_a_reservation_ends_once_whole_and_with_its_payout(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)], fee_minor=10)
    settle, fee, undo = (
        ("settle", "reserved", "paid"),
        ("fee", "reserved", "fees"),
        ("unreserve", "reserved", "available"),
    )
    rule = "reservation_ends_with_its_payout"
    for movement, amount in ((settle, 90), (fee, 10), (undo, 100)):
        with refused(owner, rule):  # still pending
            b.move(owner, ana, *movement, amount, payout_id=payout)
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.end_attempt(owner, payout, "succeeded")
    b.set_status(owner, payout, "paid")
    for movement, amount in ((settle, 100), (settle, 89), (fee, 9), (undo, 100)):
        with refused(owner, rule):
            b.move(owner, ana, *movement, amount, payout_id=payout)
    b.move(owner, ana, *settle, 90, payout_id=payout)
    b.move(owner, ana, *fee, 10, payout_id=payout)
    b.earning(owner, ana, 500)
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    for name, movement, amount in (("settled_or_undone", settle, 90), ("fee_once", fee, 10)):
        with refused(owner, name):
            b.move(owner, ana, *movement, amount, payout_id=payout)
    assert b.balance(owner, ana) == b.Balance(held=0, available=500, reserved=100, paid=90, fees=10)


def test_a_rejected_payout_gives_its_money_back_once(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    b.end(owner, payout, "rejected")
    assert b.balance(owner, ana) == b.Balance(held=0, available=100, reserved=100, paid=0, fees=0)
    with refused(owner, "settled_or_undone"):
        b.move(owner, ana, "unreserve", "reserved", "available", 100, payout_id=payout)


@proves("returns_stay_within_the_payout")
def test_no_more_comes_back_than_was_paid(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)], fee_minor=10)
    other = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    for sent in (payout, other):
        b.approve(owner, sent)
        b.claim(owner, sent)
        b.pay(owner, sent)
    waiting = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    back = ("return", "paid", "available")
    with refused(owner, "returns_stay_within_the_payout"):
        b.move(owner, ana, *back, 91, payout_id=payout, earning_id=b.fact(owner, ana, 91, kind="return"))
    with refused(owner, "returns_stay_within_the_payout"):  # of a payout that never left
        b.move(owner, ana, *back, 50, payout_id=waiting, earning_id=b.fact(owner, ana, 50, kind="return"))
    b.move(owner, ana, *back, 50, payout_id=payout, earning_id=b.fact(owner, ana, 50, kind="return"))
    with refused(owner, "returns_stay_within_the_payout"):
        b.move(owner, ana, *back, 41, payout_id=payout, earning_id=b.fact(owner, ana, 41, kind="return"))
    b.move(owner, ana, *back, 40, payout_id=payout, earning_id=b.fact(owner, ana, 40, kind="return"))
    commits(owner)
    assert b.balance(owner, ana) == b.Balance(held=0, available=90, reserved=100, paid=100, fees=10)
