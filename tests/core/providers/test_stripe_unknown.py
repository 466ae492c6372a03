"""Answers of Stripe's that leave the money open: each row of the table, told by what the fake's books say happened."""

from dataclasses import replace
from threading import Thread

import pytest

from core.providers import Declined, Succeeded, Unknown
from core.providers.stripe import StripeTransfers
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Gate, Kind
from tests.stripe.rails import AGAIN, ORDER, moved, order, rail_to


class TestUnknown:
    @pytest.mark.parametrize(
        ("kind", "code", "left"),
        [
            ("refuse", "no_answer", []),
            ("drop_before", "no_answer", []),
            ("drop_after", "no_answer", [24_75]),
            ("half_body", "no_answer", [24_75]),
            ("html", "unreadable_answer", [24_75]),
            ("empty", "unreadable_answer", [24_75]),
        ],
    )
    def test_is_an_answer_that_is_lost_or_cannot_be_read_and_the_same_key_clears_it(
        self, fake: FakeStripe, rail: StripeTransfers, kind: Kind, code: str, left: list[int]
    ) -> None:
        fake.fault(kind)

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert (outcome.code, outcome.ask_again) == (code, True)
        assert moved(fake) == left
        assert len(fake.asked("POST", "/v1/transfers")) == 1
        assert isinstance(rail.send(AGAIN), Succeeded)
        assert moved(fake) == [24_75]

    def test_is_a_timeout(self, fake: FakeStripe) -> None:
        gate = Gate()
        rail = rail_to(fake, timeouts_s=(10.0, 2.0))
        fake.fault("delay_after", gate=gate)

        outcome = rail.send(ORDER)
        assert gate.arrived.wait(60)  # it is executed
        gate.opened.set()

        assert isinstance(outcome, Unknown)
        assert outcome.code == "no_answer"
        assert moved(fake) == [24_75]

    def test_is_a_stripe_that_is_away(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        rail.send(ORDER)
        fake.stop()

        outcome = rail.send(replace(ORDER, key="po_other_1"))

        assert isinstance(outcome, Unknown)
        assert outcome.code == "no_answer"
        assert moved(fake) == [24_75]

    def test_is_a_connection_that_cannot_be_trusted(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        rail.send(ORDER)
        rail = replace(rail, api_base=fake.url.replace("http:", "https:"))

        outcome = rail.send(AGAIN)

        assert isinstance(outcome, Unknown)
        assert moved(fake) == [24_75]

    @pytest.mark.parametrize("kind", ["error", "error_after"])
    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_is_every_5xx_whether_or_not_the_money_moved_and_it_is_sent_once(
        self, fake: FakeStripe, rail: StripeTransfers, kind: Kind, status: int
    ) -> None:
        fake.fault(kind, status=status)

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert (outcome.code, outcome.ask_again) == ("server_error", True)
        assert len(fake.asked("POST", "/v1/transfers")) == 1
        assert moved(fake) == ([] if kind == "error" else [24_75])
        again = rail.send(AGAIN)  # Stripe remembers the 5xx under the key
        assert isinstance(again, Unknown)
        assert moved(fake) == ([] if kind == "error" else [24_75])

    @pytest.mark.parametrize("status", [400, 403, 404, 502])
    def test_is_a_page_that_is_not_stripes_whatever_its_status(
        self, fake: FakeStripe, rail: StripeTransfers, status: int
    ) -> None:
        fake.fault("page", status=status)

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert outcome.code == "unreadable_answer"

    @pytest.mark.parametrize(
        "edit",
        [
            {"without": ("id",)},
            {"without": ("id", "object", "amount")},
            {"values": {"id": None}},
            {"values": {"id": "po_123"}},
        ],
    )
    def test_is_a_200_that_names_no_transfer(
        self, fake: FakeStripe, rail: StripeTransfers, edit: dict[str, object]
    ) -> None:
        fake.fault("edit", **edit)

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert outcome.code == "no_transfer_id"
        assert isinstance(rail.send(AGAIN), Succeeded)
        assert moved(fake) == [24_75]

    @pytest.mark.parametrize(
        "values",
        [
            {"amount": 24_76},
            {"amount": "2475"},
            {"currency": "eur"},
            {"destination": "acct_2"},
            {"transfer_group": None},
            {"livemode": True},
        ],
    )
    def test_is_a_transfer_of_anything_else_and_it_waits_for_people(
        self, fake: FakeStripe, rail: StripeTransfers, values: dict[str, object]
    ) -> None:
        fake.fault("edit", values=values)

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert (outcome.code, outcome.ask_again) == ("wrong_transfer", False)
        assert fake.books()[0].id in outcome.message
        assert next(iter(values)) in outcome.message

    def test_is_a_key_in_flight_elsewhere(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        gate = Gate()
        fake.fault("delay_before", gate=gate)
        outcomes: list[Succeeded | Declined | Unknown] = []
        first = Thread(target=lambda: outcomes.append(rail.send(ORDER)))
        first.start()
        assert gate.arrived.wait(60)

        second = rail.send(AGAIN)
        gate.opened.set()
        first.join()

        assert isinstance(second, Unknown)
        assert second.code == "idempotency_key_in_use"
        assert isinstance(outcomes[0], Succeeded)
        assert moved(fake) == [24_75]

    def test_is_a_key_that_did_something_else_and_it_waits_for_people(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        rail.send(ORDER)

        outcome = rail.send(order(amount_minor=24_76))

        assert isinstance(outcome, Unknown)
        assert (outcome.code, outcome.ask_again) == ("idempotency_error", False)
        assert moved(fake) == [24_75]

    @pytest.mark.parametrize("status", [405, 408, 413, 424])
    def test_is_a_failed_dependency_and_every_4xx_that_is_no_refusal(
        self, fake: FakeStripe, rail: StripeTransfers, status: int
    ) -> None:
        fake.fault("error", status=status, type="invalid_request_error")

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert outcome.code == ("dependency_failed" if status == 424 else "odd_answer")
