"""Refunds and disputes of payments: taken back before a payout or netted after it, put back when they came to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.events.paid import UnreadablePayment
from core.holds import lift_hold
from tests.core.events.shop import Shop
from tests.desk import DAY, MIA, NOW, Balance, Desk

NOTHING, HELD, AVAILABLE = Balance(0, 0, 0, 0, 0), Balance(63_00, 0, 0, 0, 0), Balance(0, 63_00, 0, 0, 0)
BOOKING = {"partner": "CR1", "booking": "b1"}
LATER = NOW + 8 * DAY


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(shop: Shop) -> Iterator[None]:
    yield
    assert shop.desk.faults() == []


@pytest.fixture
def payment(shop: Shop) -> str:
    """A payment of 70.00, known and held."""
    payment = shop.customers.pay(70_00, metadata=BOOKING)
    shop.apply()
    assert shop.desk.balance("CR1") == HELD
    return payment


def paid(desk: Desk, amount: str, code: str = "CR1") -> int:
    desk.release(LATER)
    payout = desk.request(code, amount, now=LATER)
    desk.approve(payout, now=LATER)
    desk.send(now=LATER)
    assert desk.status(payout) == "paid"
    return payout


def disputes_in_force(desk: Desk, code: str = "CR1") -> int:
    query = """SELECT count(*) FROM hold h JOIN partner p ON p.id = h.partner_id
                WHERE p.code = :code AND h.reason = 'dispute' AND h.closed_at IS NULL"""
    found = desk.scalar(query, code=code)
    assert isinstance(found, int)
    return found


class TestARefund:
    def test_before_a_payout_voids_and_neither_row_can_be_paid(self, shop: Shop, payment: str) -> None:
        refund = shop.customers.refund(payment)

        shop.apply(shop.events() * 2)

        assert shop.earnings() == [("booking b1", 63_00), (f"void {refund}", -63_00)]
        assert shop.desk.balance("CR1") == NOTHING
        assert shop.desk.release(LATER).count == 0

    def test_pulls_a_payout_back_that_has_not_left(self, shop: Shop, payment: str) -> None:
        desk = shop.desk
        desk.release(LATER)
        payout = desk.request("CR1", "63.00", now=LATER)
        desk.approve(payout, now=LATER)
        shop.customers.refund(payment)

        shop.apply(now=LATER)

        assert (desk.status(payout), desk.balance("CR1")) == ("cancelled", NOTHING)

    def test_after_a_payout_is_a_debt_that_the_next_payout_nets_to_the_cent(
        self, shop: Shop, payment: str
    ) -> None:
        desk = shop.desk
        paid(desk, "63.00")
        refund = shop.customers.refund(payment)

        shop.apply(now=LATER)

        assert shop.earnings()[-1] == (f"clawback {refund}", -63_00)
        assert desk.balance("CR1") == Balance(0, -63_00, 0, 63_00, 0)

        shop.customers.pay(100_00, metadata={"partner": "CR1", "booking": "b2"})
        shop.apply(now=LATER)
        desk.release(LATER + 8 * DAY)
        assert desk.balance("CR1") == Balance(0, 27_00, 0, 63_00, 0)
        netted = desk.request("CR1", "27.00", now=LATER + 8 * DAY)
        desk.approve(netted, now=LATER + 8 * DAY)
        desk.send(now=LATER + 8 * DAY)

        assert desk.column("SELECT net_minor FROM payout WHERE id = :id", id=netted) == [27_00]
        items = desk.column(
            "SELECT e.amount_minor FROM payout_item JOIN earning e ON e.id = earning_id WHERE payout_id = :id ORDER BY 1",
            id=netted,
        )
        assert items == [-63_00, 90_00]
        assert desk.balance("CR1") == Balance(0, 0, 0, 90_00, 0)

    def test_in_parts_takes_each_part_once_and_all_of_them_the_whole(self, shop: Shop, payment: str) -> None:
        first = shop.customers.refund(payment, 23_33)
        shop.apply(shop.events() * 2)
        assert shop.desk.balance("CR1") == Balance(63_00, -21_00, 0, 0, 0)

        second = shop.customers.refund(payment, 23_33)
        third = shop.customers.refund(payment)
        shop.apply(shop.events() * 2)

        assert shop.desk.balance("CR1") == NOTHING
        taken = shop.desk.column("SELECT source_ref FROM earning WHERE kind IN ('void', 'clawback')")
        assert sorted(map(str, taken)) == sorted([first, second, third])

    def test_that_is_told_of_before_its_payment_ends_at_the_same_books(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING)
        shop.customers.refund(payment, 30_00)
        events = shop.events()

        done = shop.apply(reversed(events))

        assert done[0] == "sale; clawback of 2700"
        assert shop.desk.balance("CR1") == Balance(63_00, -27_00, 0, 0, 0)

    def test_that_is_pending_takes_back_and_gives_back_when_it_fails(self, shop: Shop, payment: str) -> None:
        refund = shop.customers.refund(payment, status="pending")
        shop.apply()
        assert shop.desk.balance("CR1") == NOTHING

        shop.customers.change_refund(refund, "failed")
        shop.apply(shop.events() * 2)

        assert shop.desk.balance("CR1") == HELD
        assert [amount for _, amount in shop.earnings()] == [63_00, -63_00, 63_00]

    def test_that_fails_after_the_partner_was_paid_puts_the_debt_back(self, shop: Shop, payment: str) -> None:
        paid(shop.desk, "63.00")
        refund = shop.customers.refund(payment, 30_00)
        shop.apply(now=LATER)
        assert shop.desk.balance("CR1") == Balance(0, -27_00, 0, 63_00, 0)

        shop.customers.change_refund(refund, "failed")
        shop.apply(now=LATER)

        assert shop.desk.balance("CR1") == Balance(0, 0, 0, 63_00, 0)

    def test_that_waits_for_the_customer_or_never_came_to_be_takes_nothing(
        self, shop: Shop, payment: str
    ) -> None:
        refund = shop.customers.refund(payment, status="requires_action")
        shop.apply()
        assert shop.desk.balance("CR1") == HELD

        shop.customers.change_refund(refund, "canceled")
        shop.apply()

        assert shop.desk.balance("CR1") == HELD
        assert len(shop.earnings()) == 1

    def test_of_a_payment_that_waits_is_kept_with_it_and_moves_nothing(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00)
        refund = shop.customers.refund(payment, 20_00)

        shop.apply()

        assert (shop.state(payment), shop.earnings()) == ("waiting", [])
        assert shop.desk.column("SELECT ref FROM payment_refund WHERE state = 'gone'") == [refund]

    def test_of_a_sale_that_only_a_file_told_of_takes_back_too(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING)
        shop.desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")
        shop.fake.platform.events.clear()  # it was paid before the desk listened
        shop.customers.refund(payment)

        shop.apply()

        assert shop.desk.balance("CR1") == NOTHING

    def test_of_a_month_prices_the_month_again(self, shop: Shop) -> None:
        shop.desk.partner("BAR1", program="barber", method="check", account=None)
        payment = shop.customers.pay(30_00, "usd", metadata={"partner": "BAR1", "booking": "cut 1"})
        shop.customers.refund(payment)

        shop.apply(shop.events() * 2)
        shop.desk.accrue(NOW + 30 * DAY)

        assert shop.desk.column("SELECT gross_minor FROM sale_refund") == [30_00]
        assert shop.earnings() == []

    def test_of_a_charge_without_a_payment_intent_is_none_of_ours(self, shop: Shop, payment: str) -> None:
        refund = shop.customers.refund(payment)
        shop.customers.kept["refunds"][refund]["payment_intent"] = None
        events = [event for event in shop.events() if event.kind == "refund.created"]
        assert shop.apply(events) == [None]
        assert shop.desk.balance("CR1") == HELD


class TestADispute:
    def test_holds_what_is_not_paid_and_lets_it_go_when_it_is_won(self, shop: Shop, payment: str) -> None:
        dispute = shop.customers.dispute(payment)
        shop.apply(shop.events() * 2)
        assert (disputes_in_force(shop.desk), len(shop.earnings())) == (1, 1)
        shop.desk.release(LATER)
        assert shop.desk.balance("CR1") == HELD

        shop.customers.settle(dispute, "won")
        shop.apply(shop.events() * 2, now=LATER)

        assert disputes_in_force(shop.desk) == 0
        assert shop.desk.balance("CR1") == AVAILABLE

    def test_pulls_back_a_payout_that_has_not_left(self, shop: Shop, payment: str) -> None:
        shop.desk.release(LATER)
        payout = shop.desk.request("CR1", "63.00", now=LATER)
        shop.customers.dispute(payment)

        shop.apply(now=LATER)

        assert (shop.desk.status(payout), shop.desk.balance("CR1")) == ("cancelled", HELD)

    def test_takes_back_what_is_withdrawn_and_puts_it_back_when_it_is_won(
        self, shop: Shop, payment: str
    ) -> None:
        dispute = shop.customers.dispute(payment)
        shop.customers.withdraw(dispute)
        shop.apply(shop.events() * 2)
        assert shop.desk.balance("CR1") == NOTHING

        shop.customers.settle(dispute, "won")
        shop.apply(shop.events() * 2)
        shop.customers.reinstate(dispute)
        shop.apply(shop.events() * 2)

        assert (shop.desk.balance("CR1"), disputes_in_force(shop.desk)) == (HELD, 0)
        shop.desk.release(LATER)
        assert shop.desk.balance("CR1") == AVAILABLE

    def test_after_a_payout_is_a_debt_and_no_more_when_it_is_won(self, shop: Shop, payment: str) -> None:
        paid(shop.desk, "63.00")
        dispute = shop.customers.dispute(payment)
        shop.apply(now=LATER)
        assert (shop.desk.balance("CR1"), disputes_in_force(shop.desk)) == (Balance(0, 0, 0, 63_00, 0), 0)

        shop.customers.withdraw(dispute)
        shop.apply(now=LATER)
        assert shop.desk.balance("CR1") == Balance(0, -63_00, 0, 63_00, 0)

        shop.customers.settle(dispute, "won")
        shop.apply(now=LATER)
        assert shop.desk.balance("CR1") == Balance(0, 0, 0, 63_00, 0)

    def test_that_is_lost_takes_back_even_before_the_withdrawal_is_told_of(
        self, shop: Shop, payment: str
    ) -> None:
        dispute = shop.customers.dispute(payment)
        shop.apply()
        shop.customers.settle(dispute, "lost")
        shop.apply()
        assert (shop.desk.balance("CR1"), disputes_in_force(shop.desk)) == (NOTHING, 0)

        shop.customers.withdraw(dispute)
        shop.apply(shop.events() * 2)

        assert shop.desk.balance("CR1") == NOTHING
        assert len(shop.earnings()) == 2

    def test_that_is_lost_in_part_takes_that_part_and_lets_the_rest_go(
        self, shop: Shop, payment: str
    ) -> None:
        dispute = shop.customers.dispute(payment, 30_00)
        shop.customers.withdraw(dispute)
        shop.apply()
        assert shop.desk.balance("CR1") == Balance(63_00, -27_00, 0, 0, 0)
        shop.customers.settle(dispute, "lost")
        shop.apply()
        shop.desk.release(LATER)

        assert shop.desk.balance("CR1") == Balance(0, 36_00, 0, 0, 0)

    def test_that_was_an_inquiry_and_no_more_holds_and_lets_go(self, shop: Shop, payment: str) -> None:
        dispute = shop.customers.dispute(payment, status="warning_needs_response")
        shop.apply()
        assert disputes_in_force(shop.desk) == 1

        shop.customers.settle(dispute, "warning_closed")
        shop.apply()

        assert (disputes_in_force(shop.desk), shop.desk.balance("CR1")) == (0, HELD)

    def test_of_what_was_refunded_in_part_takes_no_more_than_the_rest(self, shop: Shop, payment: str) -> None:
        shop.customers.refund(payment, 50_00)
        dispute = shop.customers.dispute(payment)
        shop.customers.withdraw(dispute)

        shop.apply(shop.events() * 2)

        assert shop.desk.balance("CR1") == NOTHING

    def test_whose_hold_a_person_lifted_is_not_held_again(self, shop: Shop, payment: str) -> None:
        shop.customers.dispute(payment)
        shop.apply()
        hold = shop.desk.scalar("SELECT id FROM hold WHERE reason = 'dispute'")
        assert isinstance(hold, int)
        shop.desk.decide(lambda conn: lift_hold(conn, hold, actor=MIA, now=NOW, note="they wrote to us"))

        shop.apply(shop.events() * 2)

        assert disputes_in_force(shop.desk) == 0

    def test_in_another_currency_than_the_payment_needs_a_person(self, shop: Shop, payment: str) -> None:
        dispute = shop.customers.dispute(payment)
        shop.customers.kept["disputes"][dispute]["currency"] = "usd"
        with pytest.raises(UnreadablePayment, match="usd"):
            shop.apply()
        assert shop.desk.balance("CR1") == HELD


# Lives of one payment: what happens to it, step by step. Between the steps the desk may hear of anything so far.
LIVES = {
    "refunded whole": [("refund", 70_00)],
    "refunded in three parts": [("refund", 23_33), ("refund", 11_11), ("refund", 35_56)],
    "a refund fails, another does not": [("pending", 70_00), ("fail", 0), ("refund", 20_00)],
    "disputed and won": [("dispute", 70_00), ("withdraw", 0), ("won", 0), ("reinstate", 0)],
    "disputed and lost": [("dispute", 70_00), ("lost", 0), ("withdraw", 0)],
    "refunded in part, the rest disputed and won": [
        ("refund", 20_00), ("dispute", 50_00), ("withdraw", 0), ("won", 0), ("reinstate", 0)],
    "refunded in part, the rest disputed and lost": [
        ("refund", 20_00), ("dispute", 50_00), ("withdraw", 0), ("lost", 0)],
    "disputed and won, refunded after": [
        ("dispute", 70_00), ("withdraw", 0), ("won", 0), ("reinstate", 0), ("refund", 35_00)],
}  # fmt: skip
ENDS = {
    "refunded whole": 0,
    "refunded in three parts": 0,
    "a refund fails, another does not": 45_00,
    "disputed and won": 63_00,
    "disputed and lost": 0,
    "refunded in part, the rest disputed and won": 45_00,
    "refunded in part, the rest disputed and lost": 0,
    "disputed and won, refunded after": 31_50,
}


class Life:
    """One payment that lives through its steps."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.payment = shop.customers.pay(70_00, metadata=BOOKING)
        self.last = ""

    def live(self, step: str, amount: int) -> None:
        customers = self.shop.customers
        match step:
            case "refund":
                self.last = customers.refund(self.payment, amount)
            case "pending":
                self.last = customers.refund(self.payment, amount, status="pending")
            case "fail":
                customers.change_refund(self.last, "failed")
            case "dispute":
                self.last = customers.dispute(self.payment, amount)
            case "withdraw":
                customers.withdraw(self.last)
            case "reinstate":
                customers.reinstate(self.last)
            case _:
                customers.settle(self.last, step)


@pytest.mark.parametrize("story", LIVES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_and_number_of_a_payments_events_ends_at_the_same_books(
    shop: Shop, story: str, data: st.DataObject
) -> None:
    desk = shop.desk
    with desk.engine.connect() as conn:
        before = conn.execute(text("SELECT coalesce(sum(amount_minor), 0)::bigint FROM earning")).scalar_one()
    known = desk.column("SELECT code FROM partner")
    code = f"CR{len(known)}x"
    desk.partner(code, program="creator", method="manual", account=None)
    told = len(shop.events())
    life = Life(shop)
    shop.customers.kept["payment_intents"][life.payment]["metadata"] = {"partner": code}
    for step, amount in LIVES[story]:
        heard = shop.events()[told:]
        shop.apply(data.draw(st.lists(st.sampled_from(heard), max_size=4), label=f"before {step}"))
        life.live(step, amount)
    heard = shop.events()[told:]
    again = data.draw(st.lists(st.sampled_from(heard), max_size=4), label="again")
    shop.apply(data.draw(st.permutations([*heard, *again]), label="at the end"))

    with desk.engine.connect() as conn:
        after = conn.execute(text("SELECT coalesce(sum(amount_minor), 0)::bigint FROM earning")).scalar_one()
    assert after - before == ENDS[story]
    desk.release(LATER)
    assert desk.balance(code) == Balance(0, ENDS[story], 0, 0, 0)
    assert disputes_in_force(desk, code) == 0
    assert desk.faults() == []
