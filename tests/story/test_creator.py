"""Creators: a customer pays 70.00 at Stripe, 63.00 is held for seven days, asked for, refused once, sent, and at the bank."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.holds import lift_hold
from tests.desk import ADA, DAY, HOUR
from tests.story.journey import Journey
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import TEST_KEY, moved

PAID_AT = datetime(2026, 11, 2, 15, 40, tzinfo=UTC)
RELEASED = PAID_AT + 7 * DAY
SECOND = timedelta(seconds=1)


@pytest.fixture
def stripe(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    """A Stripe that the desk's commands send to, its clock at the customer's payment; it knows the creator's account."""
    with FakeStripe(at=PAID_AT) as fake:
        fake.platform.add_account("acct_CRE1")
        for name, value in {
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": TEST_KEY,
            "STRIPE_ACCOUNT_ID": "acct_platform",
            "STRIPE_API_BASE": fake.url,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("PAYDESK_SIMULATOR_SUCCESS")
        assert journey.at < PAID_AT
        yield fake


def wait(stripe: FakeStripe, until: datetime) -> datetime:
    """Let Stripe's clock come to an instant, and return it."""
    stripe.clock.advance(until - stripe.clock.now())
    return until


def ask(amount: str) -> tuple[str, ...]:
    return ("request", "CRE1", amount, "--reason", "asked in the app", "--as", "mia")


def test_a_booking_from_the_customers_card_to_the_creators_bank(journey: Journey, stripe: FakeStripe) -> None:
    creator = journey.partner("creator", "CRE1")
    journey.has(creator)
    _paid_and_held(journey, stripe)
    _released_after_seven_days(journey)
    payout = _one_request_at_a_time(journey)
    _refused_for_good(journey, stripe, payout)
    _asked_for_again_and_at_the_bank(journey, stripe, payout)


def _paid_and_held(journey: Journey, stripe: FakeStripe) -> None:
    metadata = {"partner": "CRE1", "booking": "boo_1", "kind": "booking"}
    stripe.service.commerce.pay(70_00, "eur", metadata=metadata)
    for minutes in (1, 2, 3):  # told of as often as may be, it is one sale
        journey.do("events", at=PAID_AT + timedelta(minutes=minutes))

    split = "SELECT concat_ws(' ', gross_minor, fee_minor, amount_minor) FROM earning"
    assert journey.desk.column(split) == ["7000 700 6300"]
    assert journey.desk.column("SELECT release_at FROM earning") == [RELEASED]
    journey.has("CRE1", held=63_00)
    assert journey.refused(*ask("63.00")) == "over_balance"  # all of it is held


def _released_after_seven_days(journey: Journey) -> None:
    early = journey.do("release", at=RELEASED - SECOND)
    assert (early["count"], early["amounts"]) == (0, [])
    journey.has("CRE1", held=63_00)
    assert journey.do("release", at=RELEASED)["amounts"] == [{"currency": "EUR", "amount_minor": 63_00}]
    assert journey.do("release")["count"] == 0
    journey.has("CRE1", available=63_00)


def _one_request_at_a_time(journey: Journey) -> int:
    assert journey.refused(*ask("999999.00")) == "over_balance"
    payout: int = journey.do(*ask("50.00"))["id"]
    assert journey.refused(*ask("13.00")) == "request_open"
    journey.has("CRE1", available=13_00, reserved=50_00)
    return payout


def _refused_for_good(journey: Journey, stripe: FakeStripe, payout: int) -> None:
    refusal = {"status": 400, "type": "invalid_request_error", "code": "account_invalid"}
    stripe.fault("error", **refusal, message="The account cannot receive transfers.")
    journey.approve(payout)
    sent = journey.do("send", at=wait(stripe, RELEASED + HOUR))

    assert (sent["succeeded"], sent["declined"]) == (0, 1)
    told = journey.do("payout", str(payout))
    assert (told["status"], told["attempts"][0]["code"]) == ("failed", "account_invalid")
    assert moved(stripe) == []
    journey.has("CRE1", available=63_00)  # the earnings are available again
    assert journey.refused(*ask("63.00")) == "on_hold"  # until the account is mended


def _asked_for_again_and_at_the_bank(journey: Journey, stripe: FakeStripe, failed: int) -> None:
    [hold] = journey.desk.column(
        "SELECT id FROM hold WHERE reason = 'destination_failed' AND closed_at IS NULL"
    )
    assert isinstance(hold, int)
    journey.desk.decide(
        lambda conn: lift_hold(conn, hold, actor=ADA, now=journey.at, note="they completed their account")
    )
    payout: int = journey.do(*ask("63.00"), at=RELEASED + DAY)["id"]
    journey.approve(payout)
    assert journey.do("send", at=wait(stripe, RELEASED + DAY))["succeeded"] == 1
    journey.has("CRE1", paid=63_00)
    assert journey.do("payout", str(payout))["status"] == "paid"

    transfer = journey.do("payout", str(payout))["provider_ref"]
    assert moved(stripe) == [63_00]
    usual = stripe.service.banks.pay_out("acct_CRE1", transfer)
    stripe.service.banks.move("acct_CRE1", usual, "in_transit")
    journey.do("events", at=wait(stripe, RELEASED + DAY + HOUR))
    assert journey.do("payout", str(payout))["bank_arrival"]["status"] == "in_transit"
    stripe.service.banks.move("acct_CRE1", usual, "paid")
    journey.do("events", at=wait(stripe, RELEASED + 2 * DAY))
    assert journey.do("payout", str(payout))["bank_arrival"]["status"] == "paid"
    assert journey.do("payout", str(failed))["status"] == "failed"
    journey.has("CRE1", paid=63_00)
    journey.reconciled(at=wait(stripe, RELEASED + 3 * DAY))
    assert moved(stripe) == [63_00]
    journey.proved()


def test_a_booking_refunded_while_it_is_held_never_becomes_payable(
    journey: Journey, stripe: FakeStripe
) -> None:
    creator = journey.partner("creator", "CRE1")
    booking = stripe.service.commerce.pay(70_00, "eur", metadata={"partner": creator, "booking": "boo_2"})
    journey.do("events", at=PAID_AT + HOUR)
    journey.has(creator, held=63_00)

    refunded_at = wait(stripe, PAID_AT + DAY)
    stripe.service.commerce.refund(booking)
    journey.do("events", at=refunded_at + HOUR)
    journey.has(creator)
    journey.do("release", at=RELEASED + DAY)
    journey.has(creator)
    assert journey.refused(*ask("63.00")) == "over_balance"


def test_a_creator_without_an_account_is_told_so(journey: Journey, stripe: FakeStripe) -> None:
    creator = journey.partner("creator", "CRE1", account="")
    stripe.service.commerce.pay(70_00, "eur", metadata={"partner": creator, "booking": "boo_3"})
    journey.do("events", at=PAID_AT + HOUR)
    journey.do("release", at=RELEASED)
    journey.has(creator, available=63_00)

    assert journey.refused(*ask("63.00")) == "no_destination"
    journey.has(creator, available=63_00)
