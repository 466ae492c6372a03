"""Affiliates: three methods with their fees, a queue that people work through, retries after 1 hour, 24 hours, 7 days."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from tests.desk import DAY, HOUR, Rail, declined
from tests.story.journey import Journey

SOLD = datetime(2026, 10, 5, 12, tzinfo=UTC)
MORNING = SOLD + DAY


def ask(code: str, amount: str) -> tuple[str, ...]:
    return ("request", code, amount, "--reason", "monthly", "--as", "mia")


def earned(journey: Journey, code: str, amount: str) -> None:
    row = f"affiliate,{code},commission,order-{code},{SOLD.isoformat()},{amount},USD,Order"
    journey.take_in("sales", row, at=MORNING)
    journey.do("release")


def approved(journey: Journey, code: str, amount: str) -> int:
    payout: int = journey.do(*ask(code, amount))["id"]
    journey.approve(payout)
    return payout


@pytest.mark.parametrize(
    ("method", "asked", "fee_minor", "net_minor"),
    [("stripe", "25.00", 25, 24_75), ("paypal", "25.00", 50, 24_50), ("check", "25.00", 5_00, 20_00)],
)
def test_a_request_from_the_sale_to_the_bank_by_each_method(
    journey: Journey, method: str, asked: str, fee_minor: int, net_minor: int
) -> None:
    code = journey.partner("affiliate", "AFF1", method=method)
    journey.has(code)
    earned(journey, code, "100.00")
    journey.has(code, available=100_00)

    payout = journey.do(*ask(code, asked))
    assert (payout["amount_minor"], payout["fee_minor"], payout["net_minor"]) == (25_00, fee_minor, net_minor)
    assert [row[2] for row in journey.why(payout["id"])[-3:]] == [25_00, -fee_minor, net_minor]
    journey.has(code, available=75_00, reserved=25_00)
    journey.approve(payout["id"])
    sent = journey.do("send")

    assert sent["amounts"] == [{"currency": "USD", "amount_minor": net_minor}]
    journey.has(code, available=75_00, paid=net_minor, fees=fee_minor)
    reference = journey.do("payout", str(payout["id"]))["provider_ref"]
    assert re.fullmatch(r"po_20261006120000_[A-Z0-9]{8}", reference)
    journey.reconciled(at=MORNING + DAY)
    journey.proved()


def test_the_partners_limit_is_tried_again_after_1_hour_24_hours_and_7_days_and_no_fourth_time(
    journey: Journey,
) -> None:
    code = journey.partner("affiliate", "AFF1")
    earned(journey, code, "25.00")
    payout = approved(journey, code, "25.00")
    rail, now = Rail(*[declined("daily_transfer_limit")] * 4), MORNING

    for wait in (HOUR, 24 * HOUR, 7 * DAY):
        assert journey.desk.send(rail, now).declined == 1
        [row] = journey.payouts(code)
        assert (row["status"], datetime.fromisoformat(row["retry_at"])) == ("retrying", now + wait)
        journey.has(code, reserved=25_00)
        assert journey.desk.send(rail, now + wait - HOUR / 60).count == 0
        now += wait

    assert journey.desk.send(rail, now).declined == 1
    assert [row["status"] for row in journey.payouts(code)] == ["failed"]
    journey.has(code, available=25_00)  # the money is back, and only a new payout can take it
    journey.at = now
    assert journey.refused("retry", "--payout-id", str(payout)) == "final"
    assert len({order.key for order in rail.sent}) == len(rail.sent) == 4
    journey.has(code, available=25_00)


def test_a_retry_that_succeeds_pays_once(journey: Journey) -> None:
    code = journey.partner("affiliate", "AFF1")
    earned(journey, code, "25.00")
    payout = approved(journey, code, "25.00")
    journey.desk.send(Rail(declined("network_timeout")), MORNING)
    journey.has(code, reserved=25_00)

    by_hand = journey.do("retry", "--payout-id", str(payout), at=MORNING + HOUR)

    assert (by_hand["succeeded"], by_hand["amounts"]) == (1, [{"currency": "USD", "amount_minor": 24_75}])
    assert journey.do("retry", at=MORNING + DAY)["count"] == 0
    journey.has(code, paid=24_75, fees=25)


def test_a_fee_that_the_platform_bears_leaves_the_partner_whole_and_is_booked_as_our_cost(
    journey: Journey,
) -> None:
    code = journey.partner("affiliate", "AFF1")
    file = journey.folder / "terms.json"
    terms = journey.do("program", "affiliate")["terms"]
    terms["fees"]["stripe"]["payer"] = "platform"
    file.write_text(json.dumps({"terms": terms}))
    asked = journey.do("program", "affiliate", "--propose", str(file), "--why", "it is on us", "--as", "ada")
    journey.do("confirm", str(asked["id"]), "--as", "abe")
    earned(journey, code, "25.00")
    payout = approved(journey, code, "25.00")
    journey.do("send")

    journey.has(code, paid=25_00)
    costs = "SELECT concat_ws(' ', measure, n, amount_minor) FROM daily_total WHERE measure LIKE 'payout_%' ORDER BY 1"
    assert journey.desk.column(costs) == ["payout_cost 1 25", "payout_fee 1 0"]
    assert ("Fee", "$0.25, borne by the platform", 0) in journey.why(payout)


@pytest.mark.parametrize("refusal", ["invalid_bank_account", "account_restricted"])
def test_what_time_does_not_cure_stays_failed_and_a_new_payout_waits_for_the_cure(
    journey: Journey, refusal: str
) -> None:
    code = journey.partner("affiliate", "AFF1")
    earned(journey, code, "25.00")
    payout = approved(journey, code, "25.00")
    journey.desk.send(Rail(declined(refusal)), MORNING)

    journey.has(code, available=25_00)
    told = journey.do("payout", str(payout))
    assert (told["status"], told["attempts"][0]["code"]) == ("failed", refusal)
    assert journey.refused("retry", "--payout-id", str(payout)) == "final"
    assert journey.refused(*ask(code, "25.00")) == "on_hold"
    journey.has(code, available=25_00)


def test_a_morning_of_sixty_is_approved_at_once_and_both_books_agree(journey: Journey) -> None:
    codes = [f"AFF{number:02}" for number in range(60)]
    rows = [
        f"affiliate,{code},Ana Silva,{code.lower()}@example.com,,US,USD,stripe,acct_{code},2025-01-01,active"
        for code in codes
    ]
    journey.take_in("partners", *rows, at=SOLD)
    sales = [f"affiliate,{code},commission,o-{code},{SOLD.isoformat()},30.00,USD,Order" for code in codes]
    journey.take_in("sales", *sales, at=MORNING)
    journey.do("release")
    payouts = [journey.do(*ask(code, "25.00"))["id"] for code in codes]

    dry = journey.do("send", "--dry-run")
    assert dry["count"] == 0
    assert len(journey.do("approve", *map(str, payouts), "--as", "ada")["done"]) == 60
    assert journey.do("send", "--dry-run")["count"] == 60
    assert journey.do("send", "--limit", "5")["succeeded"] == 5
    assert journey.do("send")["succeeded"] == 55

    balances = {journey.desk.balance(code) for code in codes}
    assert balances == {(0, 5_00, 0, 24_75, 25)}
    journey.has(codes[0], available=5_00, paid=24_75, fees=25)
    journey.reconciled(at=MORNING + DAY)


def test_a_rejection_leaves_the_queue_and_restores_the_balance(journey: Journey) -> None:
    code = journey.partner("affiliate", "AFF1")
    earned(journey, code, "100.00")
    payout = journey.do(*ask(code, "25.00"))["id"]
    journey.has(code, available=75_00, reserved=25_00)

    assert journey.do("reject", str(payout), "--reason", "self-referral", "--as", "ada")["done"] == [payout]

    journey.has(code, available=100_00)
    assert journey.payouts(code, "pending") == []
