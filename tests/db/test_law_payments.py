"""Payments: one row each, in one state, decided once by a person; what went back of them only moves on."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.payments import payment, payment_refund, set_aside
from tests.db.law import bad_rows, proves, refused, state

OUTSIDE = {"state": "outside", "why": None, "destination": "acct_1"}


@bad_rows(
    "payment",
    ("payment_amount_is_positive", {"amount_minor": 0}),
    ("payment_currency_is_upper_case", {"currency": "eur"}),
    ("declared_payment_state", {"state": "odd"}),
    ("declared_payment_why", {"why": "odd"}),
    ("waiting_payment_says_why", {"why": None}),
    ("payment_is_a_sale_or_none", {"state": "sale"}),
    ("outside_payment_names_its_account", {"destination": "acct_1"}),
    ("outside_payment_names_its_account", {"state": "outside"}),
    ("transferred_within_the_payment", {"transferred_minor": 60_00}),
    ("transferred_within_the_payment", OUTSIDE | {"transferred_minor": 70_01}),
    ("transferred_within_the_payment", OUTSIDE | {"transferred_minor": -1}),
)
def test_a_payment_is_of_some_money_and_in_one_state(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        payment(owner, **different)
    payment(owner)
    payment(owner, **OUTSIDE, payment_ref="pi_2", transferred_minor=70_00)


@proves("payment.payment_once")
def test_a_payment_is_kept_once(owner: Connection) -> None:
    payment(owner)
    with refused(owner, "payment_once"):
        payment(owner)
    payment(owner, provider="other")


@proves("payment.one_payment_per_sale")
def test_a_sale_is_of_one_payment(owner: Connection) -> None:
    sold = {"state": "sale", "why": None, "sale_id": b.sale(owner, b.partner(owner, b.program(owner)), 70_00)}
    payment(owner, **sold)
    with refused(owner, "one_payment_per_sale"):
        payment(owner, **sold, payment_ref="pi_2")


@bad_rows(
    "payment",
    ("payment_decided_whole", {"state": "sale", "decided_by": None}),
    ("payment_decided_by_a_person", {"decided_by": "job:events"}),
    ("payment_decided_by_a_person", {"decided_by": "user:"}),
    ("setting_aside_says_why", {"reason": ""}),
)
def test_a_person_decides_on_what_waits_and_says_why(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    found = payment(owner)
    if different.get("state") == "sale":
        different = different | {"sale_id": b.sale(owner, b.partner(owner, b.program(owner)), 70_00)}
    with refused(owner, rule):
        set_aside(owner, found, **different)
    set_aside(owner, found)


@proves("payment.payment_is_decided_once", "payment_is_decided_once", "payment_begins_undecided")
def test_a_payment_arrives_undecided_and_is_decided_once(owner: Connection) -> None:
    with refused(owner, "payment_begins_undecided"):
        payment(owner, decided_at=b.NOW, decided_by="user:ann", reason="seen")
    found = payment(owner)
    with refused(owner, "payment_is_decided_once"):
        set_aside(owner, found, state="outside")
    with refused(owner, "payment_is_decided_once"):
        set_aside(owner, found, decided_at=None, decided_by=None, reason=None)
    set_aside(owner, found)
    with refused(owner, "payment_is_decided_once"):
        set_aside(owner, found, reason="something else")
    outside = payment(owner, **OUTSIDE, payment_ref="pi_2")
    with refused(owner, "payment_is_decided_once"):
        set_aside(owner, outside)


@proves("payment_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 70_01},
        {"currency": "USD"},
        {"payment_ref": "pi_x"},
        {"source_ref": "x"},
        {"occurred_at": b.NOW - b.DAY},
        {"partner_code": "CR1"},
        {"why": "unknown_partner"},
    ],
)
def test_what_a_customer_paid_never_changes(owner: Connection, change: dict[str, object]) -> None:
    found = payment(owner)
    with refused(owner, "payment_is_frozen"):
        set_aside(owner, found, **change)


@proves(
    "payment.payment_is_kept",
    "payment_refund.payment_refund_is_kept",
    "history_is_added_to_never_edited",
)
@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM payment_refund",
        "TRUNCATE payment_refund",
        "DELETE FROM payment WHERE payment_ref = 'pi_2'",
        "TRUNCATE payment CASCADE",
    ],
)
def test_payments_and_what_went_back_are_kept(owner: Connection, act: str) -> None:
    payment_refund(owner, payment(owner))
    payment(owner, payment_ref="pi_2")
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@bad_rows(
    "payment_refund",
    ("payment_refund_is_positive", {"amount_minor": 0}),
    ("declared_payment_refund", {"kind": "gift"}),
    ("declared_payment_refund_state", {"state": "odd"}),
    ("only_a_dispute_is_under_way", {"under_way": True}),
)
def test_what_went_back_is_some_money_by_a_refund_or_a_dispute(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    found = payment(owner)
    with refused(owner, rule):
        payment_refund(owner, found, **different)
    payment_refund(owner, found)
    payment_refund(owner, found, ref="dp_1", kind="dispute", under_way=True)


@proves("payment_refund.payment_refund_pkey")
def test_a_refund_is_kept_once(owner: Connection) -> None:
    found = payment(owner)
    payment_refund(owner, found)
    with refused(owner, "payment_refund_pkey"):
        payment_refund(owner, found)


@proves("payment_refund.payment_refund_moves_on", "payment_refund_moves_on")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": "ended"}, "state = 'gone'"),
        ({"state": "ended"}, "state = 'open'"),
        ({"state": "gone"}, "state = 'open'"),
        ({"kind": "dispute"}, "under_way = true"),
    ],
)
def test_an_older_answer_undoes_nothing(owner: Connection, before: dict[str, object], after: str) -> None:
    payment_refund(owner, payment(owner), **before)
    with refused(owner, "payment_refund_moves_on"):
        owner.execute(text(f"UPDATE payment_refund SET {after}"))  # noqa: S608
    owner.execute(text("UPDATE payment_refund SET state = 'ended', status = 'failed'"))


@proves("payment_refund_is_frozen")
@pytest.mark.parametrize(
    "change", ["amount_minor = 1", "ref = 're_x'", "kind = 'dispute'", "at = at - interval '1 day'"]
)
def test_what_a_refund_is_about_never_changes(owner: Connection, change: str) -> None:
    payment_refund(owner, payment(owner))
    with refused(owner, "payment_refund_is_frozen"):
        owner.execute(text(f"UPDATE payment_refund SET {change}"))  # noqa: S608


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE payment SET amount_minor = 1",
        "DELETE FROM payment",
        "UPDATE payment_refund SET amount_minor = 1",
        "DELETE FROM payment_refund",
    ],
)
def test_the_app_cannot_rewrite_what_was_paid(owner: Connection, act: str) -> None:
    payment_refund(owner, payment(owner))
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before
