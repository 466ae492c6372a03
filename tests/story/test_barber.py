"""Barbers: a month of services priced by their number, rent taken off, paid on Fridays; 1,000.00 comes to 667.25."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.desk import DAY
from tests.story.journey import Journey

CLOSED = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 6, 2, 15, tzinfo=UTC)


def services(month: int, *gross: str, code: str = "BAR1", first: int = 0) -> list[str]:
    """Lines of a month's services, two a day from its first day on."""
    return [
        f"barber,{code},service,ser-{month}-{n},2026-{month:02}-{1 + n % 28:02}T{9 + n // 28:02}:00:00Z,{each},USD,Cut"
        for n, each in enumerate(gross, start=first)
    ]


def rent(month: int, amount: str, *, code: str = "BAR1") -> str:
    return f"barber,{code},deduction,rent-{month},2026-{month:02}-15T09:00:00Z,-{amount},USD,Booth rent"


@pytest.fixture
def barber(journey: Journey) -> str:
    return journey.partner("barber", "BAR1")


def test_a_month_of_services_from_the_chair_to_the_bank(journey: Journey, barber: str) -> None:
    # 51 services make 1,000.00; the rent counts at once, the services with their month.
    journey.take_in("sales", *services(10, *["19.60"] * 50, "20.00"), rent(10, "50.00"), at=CLOSED - DAY)
    journey.has(barber, available=-50_00)
    run = journey.night(datetime(2026, 10, 30, 2, 15, tzinfo=UTC))  # a Friday before the month is over
    assert run["count"] == 0
    journey.has(barber, available=-50_00)

    accrued = journey.do("accrue", at=CLOSED)
    assert accrued["amounts"] == [{"currency": "USD", "amount_minor": 720_00}]
    assert journey.do("accrue", at=CLOSED + DAY)["count"] == 0
    journey.night(FRIDAY)
    journey.has(barber, reserved=670_00)
    payout = journey.pending(barber)
    assert journey.why(payout["id"]) == [
        ("51 services in October 2026", "72% of $1,000.00", 720_00),
        ("1 deduction (rent-10), 15 Oct", "−$50.00", -50_00),
        ("Gross", "", 670_00),
        ("Fee", "0.25% of the sales' gross + $0.25, borne by the partner", -2_75),
        ("Net", "what goes out by Stripe", 667_25),
    ]

    journey.approve(payout["id"])
    assert journey.do("send")["amounts"] == [{"currency": "USD", "amount_minor": 667_25}]
    journey.has(barber, paid=667_25, fees=2_75)
    journey.reconciled(at=FRIDAY + 2 * DAY)
    journey.proved()


@pytest.mark.parametrize(
    ("method", "fee_minor"), [("stripe", 2_75), ("stripe_instant", 12_75), ("bank_transfer", 50)]
)
def test_the_fee_of_each_method_is_of_the_gross_of_the_services(
    journey: Journey, method: str, fee_minor: int
) -> None:
    code = journey.partner("barber", "BAR1", method=method)
    journey.take_in("sales", *services(10, *["19.60"] * 50, "20.00"), rent(10, "50.00"), at=CLOSED)
    journey.night(FRIDAY)

    payout = journey.pending(code)
    assert (payout["amount_minor"], payout["fee_minor"]) == (670_00, fee_minor)
    journey.has(code, reserved=670_00)


@pytest.mark.parametrize(
    ("gross", "earned_minor", "steps"),
    [
        (["20.00"] * 50, 700_00, ["70% of $1,000.00"]),
        (["20.00"] * 51, 734_40, ["72% of $1,020.00"]),
        (["20.00"] * 100, 1_440_00, ["72% of $2,000.00"]),
        (["20.00"] * 101, 1_515_00, ["75% of $2,020.00"]),
        (["1000.00"] * 10, 7_000_00, ["70% of $10,000.00"]),
        (["1000.00"] * 9 + ["1000.01"], 7_200_01, ["70% of $10,000.01", "2 points on $10,000.01"]),
        (["200.00"] * 101, 15_554_00, ["75% of $20,200.00", "2 points on $20,200.00"]),
    ],
    ids=["50", "51", "100", "101", "10,000", "a cent above 10,000", "101 above 10,000"],
)
def test_exactly_at_a_boundary_the_lower_rate_holds(
    journey: Journey, barber: str, gross: list[str], earned_minor: int, steps: list[str]
) -> None:
    journey.take_in("sales", *services(10, *gross), at=CLOSED)
    assert journey.do("accrue")["amounts"] == [{"currency": "USD", "amount_minor": earned_minor}]
    journey.has(barber, held=earned_minor)

    journey.night(FRIDAY)

    lines = journey.why(journey.pending(barber)["id"])
    assert [how for _, how, _ in lines[: len(steps)]] == steps
    assert sum(minor for *_, minor in lines[: len(steps)]) == earned_minor
    journey.has(barber, reserved=earned_minor)


def test_a_month_whose_rent_is_above_its_share_is_carried_into_the_next(
    journey: Journey, barber: str
) -> None:
    journey.take_in("sales", *services(10, *["20.00"] * 10), rent(10, "500.00"), at=CLOSED)
    run = journey.night(FRIDAY)  # 140.00 less 500.00
    assert run["count"] == 0
    journey.has(barber, available=-360_00)

    december = datetime(2026, 12, 4, 2, 15, tzinfo=UTC)
    journey.take_in("sales", *services(11, *["20.00"] * 51), at=december)
    journey.night(december)  # 734.40 of November pays October's 360.00 first
    journey.has(barber, reserved=374_40)
    payout = journey.pending(barber)
    assert sum(minor for *_, minor in journey.why(payout["id"])[:-3]) == payout["amount_minor"] == 374_40
    assert payout["fee_minor"] == 3_30  # 0.25 % of 1,220.00 is 3.05
    journey.approve(payout["id"])
    journey.do("send")
    journey.has(barber, paid=371_10, fees=3_30)


def test_a_late_sale_prices_its_month_again_and_the_difference_is_a_true_up(
    journey: Journey, barber: str
) -> None:
    journey.take_in("sales", *services(10, *["20.00"] * 50), at=CLOSED)
    journey.night(FRIDAY)
    first = journey.pending(barber)
    journey.approve(first["id"])
    journey.do("send")
    journey.has(barber, paid=697_25, fees=2_75)

    # The 51st of October lifts the whole month to 72 %: 734.40 less the 700.00 booked before.
    journey.take_in("sales", *services(10, "20.00", first=50), at=FRIDAY + 3 * DAY)
    assert journey.do("accrue")["amounts"] == [{"currency": "USD", "amount_minor": 34_40}]
    assert journey.do("accrue")["count"] == 0
    run = journey.night(FRIDAY + 7 * DAY)
    assert (run["count"], journey.skipped(run)) == (0, {"below_minimum": 1})  # 50.00 it is
    journey.has(barber, available=34_40, paid=697_25, fees=2_75)

    december = datetime(2026, 12, 4, 2, 15, tzinfo=UTC)
    journey.take_in("sales", *services(11, *["20.00"] * 10), at=december)
    journey.night(december)
    journey.has(barber, reserved=174_40, paid=697_25, fees=2_75)
    assert journey.why(journey.pending(barber)["id"])[:3] == [
        ("51 services in October 2026", "72% of $1,020.00", 734_40),
        ("10 services in November 2026", "70% of $200.00", 140_00),
        ("Booked for October 2026 before", "the month was priced again", -700_00),
    ]
