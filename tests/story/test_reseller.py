"""Resellers: four tiers with a minimum each; requests within the balance, cancelled or paid."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.desk import DAY
from tests.story.journey import Journey

SOLD = datetime(2026, 10, 5, 12, tzinfo=UTC)


def sale(code: str, ref: str, amount: str) -> str:
    return f"reseller,{code},commission,{ref},{SOLD.isoformat()},{amount},USD,Order {ref}"


def ask(code: str, amount: str) -> tuple[str, ...]:
    return ("request", code, amount, "--reason", "monthly", "--as", "mia")


@pytest.fixture
def partner(journey: Journey) -> str:
    """A reseller with 160.00 available."""
    code = journey.partner("reseller", "RSL1", tier="reseller")
    journey.take_in("sales", sale(code, "o-1", "100.00"), sale(code, "o-2", "60.00"), at=SOLD + DAY)
    journey.do("release")
    return code


def test_a_request_from_the_sale_to_the_bank(journey: Journey, partner: str) -> None:
    journey.has(partner, available=160_00)
    before = journey.do("summary", partner)
    assert (before["tier"], before["payout_count"], before["last_payout"]) == ("reseller", 0, None)

    payout = journey.do(*ask(partner, "120.00"))
    assert (payout["status"], payout["amount_minor"], payout["net_minor"]) == ("pending", 120_00, 120_00)
    journey.has(partner, available=40_00, reserved=120_00)
    assert journey.do("send")["count"] == 0  # nobody has processed it yet
    journey.approve(payout["id"])
    sent = journey.do("send", at=SOLD + 2 * DAY)
    assert (sent["succeeded"], sent["amounts"]) == (1, [{"currency": "USD", "amount_minor": 120_00}])

    journey.has(partner, available=40_00, paid=120_00)
    after = journey.do("summary", partner)
    assert after["payout_count"] == 1
    assert {name: after["last_payout"][name] for name in ("id", "amount_minor", "status")} == {
        "id": payout["id"],
        "amount_minor": 120_00,
        "status": "paid",
    }
    assert [one["id"] for one in journey.payouts(partner)] == [payout["id"]]
    journey.reconciled(at=SOLD + 3 * DAY)
    journey.proved()


@pytest.mark.parametrize(
    ("tier", "minimum", "below"),
    [
        ("affiliate", "50.00", "49.99"),
        ("reseller", "100.00", "99.99"),
        ("white_label", "1000.00", "999.99"),
        ("technology", "200.00", "199.99"),
    ],
)
def test_each_tier_has_its_own_minimum_and_exactly_it_is_enough(
    journey: Journey, tier: str, minimum: str, below: str
) -> None:
    code = journey.partner("reseller", "RSL9", tier=tier)
    journey.take_in("sales", sale(code, "o-1", "1500.00"), at=SOLD + DAY)
    journey.do("release")
    minor = int(minimum.replace(".", ""))
    assert journey.do("summary", code)["minimum_payout_minor"] == minor

    assert journey.refused(*ask(code, below)) == "below_minimum"
    journey.has(code, available=1500_00)
    journey.do(*ask(code, minimum))
    journey.has(code, available=1500_00 - minor, reserved=minor)


def test_a_cent_over_the_balance_is_refused_and_a_cancelled_request_gives_it_back(
    journey: Journey, partner: str
) -> None:
    assert journey.refused(*ask(partner, "160.01")) == "over_balance"
    assert journey.refused(*ask("NOBODY", "100.00")) == "unknown_partner"
    journey.has(partner, available=160_00)

    payout = journey.do(*ask(partner, "160.00"))["id"]
    journey.has(partner, reserved=160_00)
    assert journey.refused(*ask(partner, "100.00")) == "over_balance"  # pending is part of the formula
    cancelled = journey.do("cancel", str(payout), "--reason", "asked by mistake", "--as", "mia")
    assert cancelled["done"] == [payout]
    journey.has(partner, available=160_00)
    assert journey.refused("cancel", str(payout), "--reason", "again", "--as", "mia") == "wrong_status"
    assert journey.refused("approve", str(payout), "--as", "ada") == "wrong_status"

    again = journey.do(*ask(partner, "160.00"))["id"]
    journey.approve(again)
    journey.do("send")
    journey.has(partner, paid=160_00)
    late = journey.refused("cancel", str(again), "--reason", "too late", "--as", "mia")
    assert late == "wrong_status"
    journey.has(partner, paid=160_00)
