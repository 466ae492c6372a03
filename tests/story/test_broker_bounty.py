"""Broker bounties: 500 once for a customer who stayed 60 times 24 hours, from the sign-up to the bank."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.desk import DAY, HOUR
from tests.story.journey import Journey

SIGNED_UP = datetime(2026, 9, 1, 14, 30, tzinfo=UTC)
EARNED = SIGNED_UP + 60 * DAY  # 31 October, 14:30
SECOND = timedelta(seconds=1)


def customer(
    ref: str, broker: str, *, cancelled: datetime | None = None, signed_up: datetime = SIGNED_UP
) -> str:
    status, end = ("active", "") if cancelled is None else ("cancelled", cancelled.isoformat())
    return f"{ref},Cleo Ltd,{broker},{signed_up.isoformat()},{status},{end}"


def test_a_bounty_from_the_sign_up_to_the_bank(journey: Journey) -> None:
    john = journey.partner("broker-bounty", "BROKER_JOHN")
    journey.take_in("customers", customer("cus_1", john), at=SIGNED_UP + HOUR)
    journey.has(john)

    # On the way: 32 of 60 days, and nothing to approve, whatever anybody asks for.
    journey.night(SIGNED_UP + 32 * DAY)
    journey.has(john)
    assert journey.payouts(john) == []
    asked = ("request", john, "500.00", "--reason", "32 days are enough", "--as", "mia")
    assert journey.refused(*asked) == "over_balance"

    # A second before the 60 days are over there is nothing; however late the job runs, it is judged by dates.
    journey.night(EARNED - SECOND)
    journey.has(john)
    first, again = (journey.night(EARNED + 11 * HOUR) for _ in range(2))
    assert (first["count"], first["amounts"]) == (1, [{"currency": "USD", "amount_minor": 500_00}])
    assert again["count"] == 0
    for late in range(1, 6):  # once however often the job runs
        assert journey.do("accrue", at=EARNED + late * 30 * DAY)["count"] == 0
    journey.has(john, reserved=500_00)

    payout = journey.pending(john)
    story = journey.do("payout", str(payout["id"]), at=EARNED + DAY)
    assert [(item["kind"], item["customer_ref"], item["amount_minor"]) for item in story["items"]] == [
        ("bounty", "cus_1", 500_00)
    ]
    assert (payout["amount_minor"], payout["fee_minor"], payout["net_minor"]) == (500_00, 0, 500_00)

    # Nothing leaves that nobody approved.
    assert journey.do("send")["count"] == 0
    journey.has(john, reserved=500_00)
    journey.approve(payout["id"])
    sent = journey.do("send")
    assert (sent["succeeded"], sent["amounts"]) == (1, [{"currency": "USD", "amount_minor": 500_00}])
    journey.has(john, paid=500_00)
    told = journey.do("payout", str(payout["id"]))
    assert told["status"] == "paid"
    assert told["provider_ref"] == told["attempts"][0]["provider_ref"] is not None
    assert journey.do("send")["count"] == 0
    journey.reconciled(at=EARNED + 2 * DAY)
    journey.proved()


def test_whoever_cancels_on_day_59_brings_nothing_and_on_day_60_all_of_it(journey: Journey) -> None:
    john = journey.partner("broker-bounty", "BROKER_JOHN")
    journey.take_in(
        "customers",
        customer("day-59", john, cancelled=SIGNED_UP + 59 * DAY),
        customer("a-second-short", john, cancelled=EARNED - SECOND),
        customer("day-60", john, cancelled=EARNED),
        customer("stays", john),
        at=EARNED + 3 * DAY,
    )

    journey.night(EARNED + 4 * DAY)

    journey.has(john, reserved=1000_00)
    items = journey.do("payout", str(journey.pending(john)["id"]))["items"]
    assert {item["customer_ref"] for item in items} == {"day-60", "stays"}


def test_a_new_broker_waits_60_days_and_a_single_small_bounty_still_passes_the_minimum(
    journey: Journey,
) -> None:
    new = journey.partner("broker-bounty", "NEW", joined_on="2026-09-20")
    journey.take_in("customers", customer("cus_1", new), at=EARNED)

    skipped = journey.night(EARNED + DAY)  # day 42 of the partner
    assert (skipped["count"], journey.skipped(skipped)) == (0, {"on_hold": 1})
    journey.has(new, available=500_00)
    asked = ("request", new, "500.00", "--reason", "wants it early", "--as", "mia")
    assert journey.refused(*asked) == "on_hold"

    joined = datetime(2026, 9, 20, tzinfo=UTC)
    assert journey.night(joined + 61 * DAY)["count"] == 1
    journey.has(new, reserved=500_00)


def test_the_cap_of_5000_a_month_cuts_and_does_not_starve(journey: Journey) -> None:
    busy = journey.partner("broker-bounty", "BUSY")
    journey.take_in("customers", *(customer(f"cus_{number}", busy) for number in range(13)), at=EARNED)

    # 6,500 are earned in October: 5,000 of them may go out in November, the rest waits with the reason.
    first = journey.night(EARNED + 2 * DAY)
    assert first["amounts"] == [{"currency": "USD", "amount_minor": 5_000_00}]
    journey.has(busy, available=1_500_00, reserved=5_000_00)
    journey.approve(journey.pending(busy)["id"], "ada", "abe")
    journey.do("send")
    journey.has(busy, available=1_500_00, paid=5_000_00)

    for day in range(3, 28):  # every night of the month says why
        run = journey.do("queue", at=EARNED + day * DAY)
        assert (run["count"], journey.skipped(run)) == (0, {"cap_reached": 1})
    asked = ("request", busy, "100.00", "--reason", "more", "--as", "mia")
    assert journey.refused(*asked) == "cap_reached"
    journey.has(busy, available=1_500_00, paid=5_000_00)

    december = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
    assert journey.do("queue", at=december)["amounts"] == [{"currency": "USD", "amount_minor": 1_500_00}]
    journey.approve(journey.pending(busy)["id"], "ada", "abe")
    journey.do("send")
    journey.has(busy, paid=6_500_00)


def test_a_rejection_says_why_and_gives_the_money_back(journey: Journey) -> None:
    john = journey.partner("broker-bounty", "BROKER_JOHN")
    journey.take_in("customers", customer("cus_1", john), at=SIGNED_UP)
    journey.night(EARNED + DAY)
    payout = journey.pending(john)

    rejected = (
        "reject",
        str(payout["id"]),
        "--reason",
        "the customer is the broker's own firm",
        "--as",
        "ada",
    )
    assert journey.do(*rejected)["done"] == [payout["id"]]

    journey.has(john, available=500_00)
    assert journey.desk.column("SELECT reason FROM payout") == ["the customer is the broker's own firm"]
    assert journey.refused("approve", str(payout["id"]), "--as", "ada") == "wrong_status"
    assert journey.do("send")["count"] == 0
    journey.has(john, available=500_00)
