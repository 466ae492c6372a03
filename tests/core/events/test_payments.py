"""Payments of customers: each is one sale of the partner it names, or waits, or has paid the partner already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.access import Actor, NotAllowed, job_actor
from core.payment_decisions import (
    NoSuchSales,
    PaymentDecided,
    PaymentInOtherCurrency,
    SettingAsideNeedsReason,
    SoldOtherwise,
    UnknownPayment,
    resolve_payment,
    set_aside_payment,
)
from core.programs import UnknownPartner
from tests.core.events.shop import Shop
from tests.desk import ADA, DAY, HOST, MIA, NOW, OLA, VIC, Balance
from tests.stripe.telling import apply_all

SOON = NOW + timedelta(minutes=1)
NOTHING, HELD = Balance(0, 0, 0, 0, 0), Balance(63_00, 0, 0, 0, 0)
BOOKING = {"partner": "CR1", "booking": "b1"}


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(shop: Shop) -> Iterator[None]:
    yield
    assert shop.desk.faults() == []


class TestASale:
    def test_of_seventy_gives_a_fee_of_seven_and_sixty_three_that_are_held_for_seven_days(
        self, shop: Shop
    ) -> None:
        desk = shop.desk
        payment = shop.customers.pay(70_00, "eur", metadata=BOOKING, description="Two nights")
        assert desk.balance("CR1") == NOTHING

        assert shop.apply() == ["sale"]

        assert shop.state(payment) == "sale"
        assert shop.earnings() == [("booking b1", 63_00)]
        assert desk.column("SELECT fee_minor FROM earning") == [7_00]
        assert desk.column("SELECT gross_minor FROM sale WHERE source_ref = 'b1'") == [70_00]
        assert desk.balance("CR1") == HELD
        desk.release(NOW + 7 * DAY - timedelta(seconds=1))
        assert desk.balance("CR1") == HELD
        desk.release(NOW + 7 * DAY)
        assert desk.balance("CR1") == Balance(0, 63_00, 0, 0, 0)

    def test_reaches_the_desk_by_the_job_and_can_be_paid(self, shop: Shop) -> None:
        desk = shop.desk
        shop.customers.pay(70_00, metadata=BOOKING)
        assert apply_all(desk, shop.fake, SOON).applied == 1
        assert apply_all(desk, shop.fake, SOON).applied == 0

        later = NOW + 8 * DAY
        desk.release(later)
        payout = desk.request("CR1", "63.00", now=later)
        desk.approve(payout, now=later)
        desk.send(now=later)

        assert (desk.status(payout), desk.balance("CR1")) == ("paid", Balance(0, 0, 0, 63_00, 0))

    def test_is_told_of_three_times_and_earned_once(self, shop: Shop) -> None:
        shop.customers.pay(70_00, metadata=BOOKING)

        assert shop.apply(shop.events() * 3) == ["sale", "known: sale", "known: sale"]

        assert shop.desk.balance("CR1") == HELD

    def test_without_a_booking_goes_by_the_payments_own_reference(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata={"partner": "CR1"})
        shop.apply()
        assert shop.desk.column("SELECT source_ref FROM sale") == [payment]

    @pytest.mark.parametrize("name", ["partner", "partner_code", "referral"])
    def test_names_its_partner_by_any_of_three_words(self, shop: Shop, name: str) -> None:
        shop.customers.pay(70_00, metadata={name: " CR1 "})
        assert shop.apply() == ["sale"]

    def test_of_a_month_is_priced_with_its_month(self, shop: Shop) -> None:
        shop.desk.partner("BAR1", program="barber", method="check", account=None)
        shop.customers.pay(30_00, "usd", metadata={"partner": "BAR1", "booking": "cut 1"})

        assert shop.apply() == ["sale"]
        assert shop.desk.column("SELECT kind FROM sale") == ["service"]
        assert shop.earnings() == []
        shop.desk.accrue(NOW + 30 * DAY)

        assert shop.desk.column("SELECT kind FROM earning") == ["period"]

    def test_of_commission_worked_out_elsewhere_counts_only_where_the_payment_says_it_is_one(
        self, shop: Shop
    ) -> None:
        shop.desk.partner("AFF1")
        whole = shop.customers.pay(70_00, "usd", metadata={"partner": "AFF1"})
        share = shop.customers.pay(5_00, "usd", metadata={"partner": "AFF1", "kind": "commission"})

        shop.apply()

        assert (shop.state(whole), shop.state(share)) == ("waiting", "sale")
        assert shop.desk.balance("AFF1") == Balance(5_00, 0, 0, 0, 0)


class TestTheSameSaleByFileAndByEvent:
    def by_file(self, shop: Shop, gross: str = "70.00", code: str = "CR1") -> list[str]:
        head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
        row = f"creator,{code},booking,b1,{(NOW - DAY).isoformat()},{gross},EUR,Order"
        result = shop.desk.take_in("sales", f"{head}\n{row}\n")
        return [name for name in ("added", "unchanged", "refused", "conflicts") if getattr(result, name)]

    def test_is_earned_once_when_the_file_was_first(self, shop: Shop) -> None:
        assert self.by_file(shop) == ["added"]
        payment = shop.customers.pay(70_00, metadata=BOOKING)

        assert shop.apply() == ["sale known"]

        assert (shop.state(payment), shop.desk.balance("CR1")) == ("sale", HELD)
        assert self.by_file(shop) == ["unchanged"]

    def test_is_earned_once_when_the_event_was_first(self, shop: Shop) -> None:
        shop.customers.pay(70_00, metadata=BOOKING)
        shop.apply()

        assert self.by_file(shop) == ["unchanged"]
        assert self.by_file(shop, "71.00") == ["conflicts"]

        assert shop.desk.balance("CR1") == HELD

    @pytest.mark.parametrize(("gross", "code"), [("69.99", "CR1"), ("70.00", "CR2")])
    def test_that_differ_earn_once_and_wait_for_a_person(self, shop: Shop, gross: str, code: str) -> None:
        shop.desk.partner("CR2", program="creator", account="acct_2")
        self.by_file(shop, gross, code)
        payment = shop.customers.pay(70_00, metadata=BOOKING)

        assert shop.apply() == ["waiting"]

        assert shop.desk.column("SELECT why FROM payment") == ["known_otherwise"]
        assert (shop.state(payment), len(shop.earnings())) == ("waiting", 1)

    def test_a_second_payment_of_one_booking_is_not_taken_for_the_first(self, shop: Shop) -> None:
        first = shop.customers.pay(35_00, metadata=BOOKING)
        second = shop.customers.pay(35_00, metadata=BOOKING)

        shop.apply()

        assert (shop.state(first), shop.state(second)) == ("sale", "waiting")
        assert shop.desk.balance("CR1") == Balance(31_50, 0, 0, 0, 0)


class TestWhatWaits:
    @pytest.mark.parametrize(
        ("metadata", "currency", "why"),
        [
            ({}, "eur", "no_partner"),
            ({"partner": " "}, "eur", "no_partner"),
            ({"partner": "CR9"}, "eur", "unknown_partner"),
            ({"partner": "CR1", "program": "barber"}, "eur", "other_program"),
            ({"partner": "CR1"}, "usd", "wrong_currency"),
            ({"partner": "CR1", "kind": "service"}, "eur", "kind_not_taken"),
            ({"partner": "BAR1", "kind": "deduction"}, "usd", "kind_not_taken"),
            ({"partner": "BRK1"}, "usd", "kind_not_taken"),
        ],
    )
    def test_earns_nothing_and_says_why(
        self, shop: Shop, metadata: dict[str, str], currency: str, why: str
    ) -> None:
        shop.desk.partner("BAR1", program="barber", account="acct_2")
        shop.desk.partner("BRK1", program="broker-bounty", account="acct_3")
        payment = shop.customers.pay(70_00, currency, metadata=metadata)

        assert shop.apply(shop.events() * 2) == ["waiting", "known: waiting"]

        assert shop.state(payment) == "waiting"
        assert shop.desk.column("SELECT why FROM payment") == [why]
        assert shop.desk.column("SELECT amount_minor FROM payment") == [70_00]
        assert (shop.earnings(), shop.desk.balance("CR1")) == ([], NOTHING)

    def test_an_amount_in_a_currency_without_cents_is_read_as_it_is(self, shop: Shop) -> None:
        shop.customers.pay(7_000, "jpy")
        shop.customers.pay(7_000, "isk")
        shop.apply()
        assert shop.desk.column("SELECT amount_minor FROM payment ORDER BY id") == [7_000, 70]

    def test_a_payment_that_took_no_money_is_none_of_ours(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING)
        shop.customers.kept["payment_intents"][payment]["amount_received"] = 0
        assert shop.apply() == [None]

    def test_a_payment_that_stripe_does_not_know_is_none_of_ours(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING)
        events = shop.events()
        del shop.customers.kept["payment_intents"][payment]
        assert shop.apply(events) == [None]


class TestPaidOutside:
    @pytest.mark.parametrize(
        ("said", "transferred"), [({}, 70_00), ({"transferred": 60_00}, 60_00), ({"fee": 7_00}, 63_00)]
    )
    def test_is_kept_with_what_the_partner_got_and_never_becomes_payable(
        self, shop: Shop, said: dict[str, int], transferred: int
    ) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING, destination="acct_1", **said)  # type: ignore[arg-type]

        assert shop.apply(shop.events() * 2) == ["paid outside", "known: outside"]

        assert shop.state(payment) == "outside"
        assert shop.desk.column("SELECT transferred_minor FROM payment") == [transferred]
        assert (shop.earnings(), shop.desk.balance("CR1")) == ([], NOTHING)
        assert shop.desk.column("SELECT id FROM sale") == []

    def test_and_given_back_moves_nothing_and_is_kept_with_it(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00, metadata=BOOKING, destination="acct_1")
        shop.customers.refund(payment, 20_00)

        shop.apply()

        assert (shop.earnings(), shop.desk.balance("CR1")) == ([], NOTHING)
        assert shop.desk.column("SELECT amount_minor FROM payment_refund WHERE state = 'gone'") == [20_00]


class TestAPerson:
    def resolve(self, shop: Shop, payment: str, code: str = "CR1", actor: Actor = MIA) -> int:
        return shop.desk.decide(
            lambda conn: resolve_payment(conn, payment, partner_code=code, actor=actor, now=NOW)
        )

    def set_aside(self, shop: Shop, payment: str, reason: str = "a gift voucher", actor: Actor = MIA) -> None:
        shop.desk.decide(lambda conn: set_aside_payment(conn, payment, reason=reason, actor=actor, now=NOW))

    def test_who_names_the_partner_makes_the_sale_once_and_may_not_approve_its_payout(
        self, shop: Shop
    ) -> None:
        payment = shop.customers.pay(70_00)
        shop.apply()
        both = Actor(name="user:mia", channel="cli", roles=frozenset({"maker", "approver"}))

        self.resolve(shop, payment, actor=both)

        assert (shop.state(payment), shop.desk.balance("CR1")) == ("sale", HELD)
        assert shop.desk.column("SELECT fee_minor FROM earning") == [7_00]
        assert shop.desk.column("SELECT actor FROM audit WHERE action = 'payment.resolved'") == ["user:mia"]
        with pytest.raises(PaymentDecided, match="a sale"):
            self.resolve(shop, payment)
        with pytest.raises(PaymentDecided):
            self.set_aside(shop, payment)
        shop.desk.release(NOW + 8 * DAY)
        payout = shop.desk.request("CR1", "63.00", actor=MIA)
        assert shop.desk.approve(payout, actor=both).done == []
        assert shop.apply() == ["known: sale"]

    def test_sets_one_aside_once_with_a_reason(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00)
        shop.apply()
        with pytest.raises(SettingAsideNeedsReason):
            self.set_aside(shop, payment, "  ")

        self.set_aside(shop, payment)

        assert (shop.state(payment), shop.earnings()) == ("set_aside", [])
        with pytest.raises(PaymentDecided, match="set aside"):
            self.resolve(shop, payment)
        assert shop.apply() == ["known: set aside"]

    def test_without_the_right_decides_nothing(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00)
        shop.apply()
        for act in (self.resolve, self.set_aside):
            for actor in (ADA, OLA, VIC, HOST, job_actor("events")):
                with pytest.raises(NotAllowed):
                    act(shop, payment, actor=actor)
        assert shop.state(payment) == "waiting"

    def test_is_refused_what_cannot_be_a_sale(self, shop: Shop) -> None:
        shop.desk.partner("AFF1", account="acct_2")
        shop.desk.partner("BRK1", program="broker-bounty", account="acct_3")
        euros, dollars = shop.customers.pay(70_00), shop.customers.pay(70_00, "usd")
        shop.apply()
        for payment, code, refusal in (
            ("pi_none", "CR1", UnknownPayment),
            (euros, "CR9", UnknownPartner),
            (euros, "AFF1", PaymentInOtherCurrency),
            (dollars, "BRK1", NoSuchSales),
        ):
            with pytest.raises(refusal):
                self.resolve(shop, payment, code)
        assert (shop.state(euros), shop.state(dollars), shop.earnings()) == ("waiting", "waiting", [])

    def test_who_resolves_what_was_refunded_takes_the_refund_off_at_once(self, shop: Shop) -> None:
        payment = shop.customers.pay(70_00)
        refund = shop.customers.refund(payment, 20_00)
        shop.apply()

        self.resolve(shop, payment)

        assert shop.earnings() == [(f"booking {payment}", 63_00), (f"clawback {refund}", -18_00)]
        shop.apply(shop.events() * 2)
        assert shop.desk.balance("CR1") == Balance(63_00, -18_00, 0, 0, 0)

    def test_who_names_the_partner_of_a_sale_that_a_file_told_of_since_earns_nothing_twice(
        self, shop: Shop
    ) -> None:
        payment = shop.customers.pay(70_00, metadata={"partner": "CR-1", "booking": "b1"})
        shop.apply()
        shop.desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")

        self.resolve(shop, payment)

        assert (shop.state(payment), shop.desk.balance("CR1")) == ("sale", HELD)

    def test_is_sent_to_the_books_where_the_file_tells_another_sum(self, shop: Shop) -> None:
        shop.desk.sale("CR1", "75.00", ref="b1", program="creator", kind="booking")
        payment = shop.customers.pay(70_00, metadata=BOOKING)
        shop.apply()
        with pytest.raises(SoldOtherwise, match="b1"):
            self.resolve(shop, payment)
        assert shop.desk.balance("CR1") == Balance(67_50, 0, 0, 0, 0)

    def test_makes_a_second_payment_of_one_booking_a_sale_of_its_own(self, shop: Shop) -> None:
        shop.customers.pay(35_00, metadata=BOOKING)
        second = shop.customers.pay(35_00, metadata=BOOKING)
        shop.apply()

        self.resolve(shop, second)

        assert shop.desk.column("SELECT source_ref FROM sale ORDER BY id") == ["b1", second]
        assert shop.desk.balance("CR1") == HELD


def test_eight_processes_that_hear_of_one_payment_at_once_make_one_sale(shop: Shop) -> None:
    payment = shop.customers.pay(70_00, metadata=BOOKING)
    shop.customers.refund(payment, 20_00)
    events = shop.events()

    with ThreadPoolExecutor(8) as processes:
        done = list(processes.map(lambda place: shop.apply([events[place % len(events)]]), range(8)))

    assert sum("sale" in str(said) and "known" not in str(said) for [said] in done) == 1
    assert len(shop.earnings()) == 2
    assert shop.desk.balance("CR1") == Balance(63_00, -18_00, 0, 0, 0)
