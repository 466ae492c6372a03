"""Recurring broker commissions: 50 for each customer active at a month's first instant, one payout per broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.desk import DAY, HOUR
from tests.story.journey import Journey


def utc(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def customer(ref: str, broker: str, since: datetime, *, cancelled: datetime | None = None) -> str:
    status, end = ("active", "") if cancelled is None else ("cancelled", cancelled.isoformat())
    return f"{ref},Cleo Ltd,{broker},{since.isoformat()},{status},{end}"


def listed(journey: Journey, payout: int) -> list[tuple[str, str, int]]:
    """The customer months of a payout: customer, month, minor units."""
    items = journey.do("payout", str(payout))["items"]
    return sorted((item["customer_ref"], item["period"], item["amount_minor"]) for item in items)


def test_a_recurring_commission_from_the_customers_to_the_bank(journey: Journey) -> None:
    john, nobody = (journey.partner("broker-recurring", code) for code in ("BROKER_JOHN", "BROKER_NOBODY"))
    journey.take_in(
        "customers",
        *(customer(ref, john, utc(9, day)) for ref, day in (("cus_1", 2), ("cus_2", 10), ("cus_3", 28))),
        at=utc(9, 30),
    )
    journey.has(john)

    # The 1st of October: three are active, one payout lists all three; whoever brought nobody gets none.
    assert journey.night(utc(9, 30, 23))["count"] == 0
    journey.has(john)
    run = journey.night(utc(10, 1, 2))
    assert (run["count"], run["amounts"]) == (1, [{"currency": "USD", "amount_minor": 150_00}])
    assert journey.night(utc(10, 1, 3))["count"] == 0
    first = journey.pending(john)
    assert listed(journey, first["id"]) == [(f"cus_{n}", "2026-10", 50_00) for n in (1, 2, 3)]
    journey.has(john, reserved=150_00)
    assert journey.payouts(nobody) == []
    journey.approve(first["id"])
    journey.do("send")
    journey.has(john, paid=150_00)

    # Two months of outage: one customer left in between; both months are caught up in one payout, none twice.
    journey.take_in("customers", customer("cus_2", john, utc(9, 10), cancelled=utc(11, 15)), at=utc(11, 16))
    run = journey.night(utc(12, 3, 2))
    assert (run["count"], run["amounts"]) == (1, [{"currency": "USD", "amount_minor": 250_00}])
    for later in range(4):
        assert journey.night(utc(12, 3, 3 + later))["count"] == 0
    second = journey.pending(john)
    assert listed(journey, second["id"]) == [
        ("cus_1", "2026-11", 50_00), ("cus_1", "2026-12", 50_00), ("cus_2", "2026-11", 50_00),
        ("cus_3", "2026-11", 50_00), ("cus_3", "2026-12", 50_00),
    ]  # fmt: skip
    journey.has(john, reserved=250_00, paid=150_00)
    journey.approve(second["id"], "abe")
    journey.do("send")
    journey.has(john, paid=400_00)
    journey.reconciled(at=utc(12, 4, 6))
    journey.proved()


def test_who_is_active_is_decided_at_the_months_first_instant(journey: Journey) -> None:
    john = journey.partner("broker-recurring", "BROKER_JOHN")
    october, instant = utc(10, 1), timedelta(microseconds=1)
    journey.take_in(
        "customers",
        customer("signs-up-then", john, october),
        customer("signs-up-after", john, october + instant),
        customer("cancels-then", john, utc(9, 5), cancelled=october),
        customer("cancels-after", john, utc(9, 5), cancelled=october + instant),
        at=october + HOUR,
    )

    journey.night(october + 2 * HOUR)

    journey.has(john, reserved=100_00)
    assert [row[0] for row in listed(journey, journey.pending(john)["id"])] == [
        "cancels-after",
        "signs-up-then",
    ]


def test_one_customer_is_below_the_minimum_of_100_until_the_second_month(journey: Journey) -> None:
    john = journey.partner("broker-recurring", "BROKER_JOHN")
    journey.take_in("customers", customer("cus_1", john, utc(9, 5)), at=utc(9, 6))

    run = journey.night(utc(10, 1, 2))
    assert (run["count"], journey.skipped(run)["below_minimum"]) == (0, 1)
    journey.has(john, available=50_00)
    asked = ("request", john, "50.00", "--reason", "small is fine", "--as", "mia")
    assert journey.refused(*asked) == "below_minimum"

    assert journey.night(utc(11, 1, 2))["amounts"] == [{"currency": "USD", "amount_minor": 100_00}]
    journey.has(john, reserved=100_00)


def test_101_customers_earn_5050_of_which_the_cap_pays_5000(journey: Journey) -> None:
    john = journey.partner("broker-recurring", "BROKER_JOHN")
    journey.take_in("customers", *(customer(f"cus_{n}", john, utc(9, 5)) for n in range(101)), at=utc(9, 6))

    run = journey.night(utc(10, 1, 2))

    assert run["amounts"] == [{"currency": "USD", "amount_minor": 5_000_00}]
    journey.has(john, available=50_00, reserved=5_000_00)
    journey.approve(journey.pending(john)["id"], "ada", "abe")
    journey.do("send", at=utc(10, 1) + DAY)
    journey.has(john, available=50_00, paid=5_000_00)
