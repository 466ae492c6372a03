"""The items of payouts, and the one story a payout tells at commit."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import commits, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@proves(
    "payout_item.items_are_whole",
    "item_is_a_whole_earning",
    "item_is_not_open",
    "payout_item.payout_item_pkey",
)
def test_an_item_is_a_whole_earning_of_the_payouts_partner(owner: Connection, ana: int) -> None:
    ben = b.partner(owner, b.program_of(owner, ana))
    of_ana, of_ben = b.fact(owner, ana, 100), b.fact(owner, ben, 100)
    payout = b.payout_row(owner, ana, 100)
    right: dict[str, object] = {"payout_id": payout, "earning_id": of_ana, "amount_minor": 100}
    for wrong in (
        {"payout_id": 0},
        {"earning_id": 0},
        {"earning_id": of_ben},
        {"amount_minor": 99},
        {"live": False},
    ):
        with refused(owner, "item_is_a_whole_earning"):
            b.insert(owner, "payout_item", right | wrong)
    b.open_item(owner, of_ana)
    with refused(owner, "item_is_not_open"):
        b.insert(owner, "payout_item", right)
    owner.execute(text("DELETE FROM open_item"))
    b.insert(owner, "payout_item", right)
    with refused(owner, "payout_item_pkey"):
        b.insert(owner, "payout_item", right)


@proves("payout_item.earning_in_one_live_payout", "payout.items_follow_payout")
def test_an_earning_is_in_one_live_payout(owner: Connection, ana: int) -> None:
    sold = b.earning(owner, ana, 100)
    first = b.payout(owner, ana, [sold])
    second = b.payout_row(owner, ana, 100)
    with refused(owner, "earning_in_one_live_payout"):
        b.item(owner, second, sold)
    lives = text("SELECT live FROM payout_item WHERE payout_id = :id")
    assert owner.execute(lives, {"id": first}).scalar_one() is True
    b.end(owner, first, "rejected")
    assert owner.execute(lives, {"id": first}).scalar_one() is False
    owner.execute(text("DELETE FROM open_item"))
    b.item(owner, second, sold)


@proves("items_are_fixed_once_reserved")
def test_a_reserved_payout_gets_no_more_items(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    late = b.fact(owner, ana, 50)
    with refused(owner, "items_are_fixed_once_reserved"):
        b.item(owner, payout, late)


@proves("payout_item.item_follows_its_payout")
@pytest.mark.parametrize(
    "act", ["UPDATE payout_item SET live = false", "DELETE FROM payout_item", "TRUNCATE payout_item"]
)
def test_nobody_edits_an_item(owner: Connection, ana: int, act: str) -> None:
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@proves("payout.payout_tells_one_story", "payout_is_reserved")
def test_a_payout_without_a_reservation_never_commits(owner: Connection, ana: int) -> None:
    with refused(owner, "payout_is_reserved"):
        b.payout_row(owner, ana, 100)
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    commits(owner)


@proves("approved_by_people")
def test_a_payout_is_not_approved_by_fewer_people_than_it_needs(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)], approvals_needed=2)
    with refused(owner, "approved_by_people"):
        b.set_status(owner, payout, "approved")
    with refused(owner, "approved_by_people"):
        b.approve(owner, payout, "user:ann")
    b.approve(owner, payout, "user:ann", "user:bob")
    commits(owner)


@proves("processing_has_an_attempt", "paid_by_an_attempt")
def test_a_payout_is_sent_and_paid_by_attempts_only(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    b.approve(owner, payout)
    with refused(owner, "processing_has_an_attempt"):
        b.set_status(owner, payout, "processing")
    b.claim(owner, payout)
    commits(owner)
    with refused(owner, "paid_by_an_attempt"):
        b.set_status(owner, payout, "paid")
        b.move(owner, ana, "settle", "reserved", "paid", 100, payout_id=payout)
    b.pay(owner, payout)
    commits(owner)
    assert b.balance(owner, ana) == b.Balance(held=0, available=0, reserved=0, paid=100, fees=0)


@proves("payout_ends_its_reservation")
def test_a_payout_never_ends_without_its_reservation(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)], fee_minor=10)
    with refused(owner, "payout_ends_its_reservation"):
        b.set_status(owner, payout, "rejected", reason="no")
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.end_attempt(owner, payout, "succeeded")
    with refused(owner, "payout_ends_its_reservation"):
        b.set_status(owner, payout, "paid")
    with refused(owner, "payout_ends_its_reservation"):  # the fee is missing
        b.set_status(owner, payout, "paid")
        b.move(owner, ana, "settle", "reserved", "paid", 90, payout_id=payout)
    assert b.balance(owner, ana) == b.Balance(held=0, available=0, reserved=100, paid=0, fees=0)
