"""What a maker enters by hand counts once, is nobody's own to approve, and what is refunded goes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.desk import DAY, HOUR
from tests.story.journey import Journey
from tests.story.test_barber import CLOSED, FRIDAY, services

SOLD = datetime(2026, 10, 5, 12, tzinfo=UTC)


def by_hand(*argv: str, ref: str = "q3", who: str = "mia") -> tuple[str, ...]:
    return (*argv, "--ref", ref, "--reason", "agreed in September", "--as", who)


@pytest.fixture
def affiliate(journey: Journey) -> str:
    """An affiliate with 100.00 available of one sale."""
    code = journey.partner("affiliate", "AFF1")
    journey.take_in(
        "sales", f"affiliate,{code},commission,o-1,{SOLD.isoformat()},100.00,USD,Order", at=SOLD + DAY
    )
    journey.do("release")
    return code


class TestAnAmount:
    def test_is_entered_once_however_often_and_its_maker_never_approves_what_pays_it(
        self, journey: Journey, affiliate: str
    ) -> None:
        for again in (False, True):
            done = journey.do(*by_hand("enter", affiliate, "bonus", "50.00"))
            assert (done["amount_minor"], done["again"]) == (50_00, again)
        journey.do("release", at=journey.at + HOUR)
        journey.has(affiliate, available=150_00)
        journey.do("users", "role", "mia", "--role", "maker", "--role", "approver")
        payout = journey.do("request", affiliate, "150.00", "--reason", "all of it", "--as", "mia")["id"]

        assert journey.refused("approve", str(payout), "--as", "mia") == "own_payout"
        journey.approve(payout)
        journey.do("send")
        journey.has(affiliate, paid=149_75, fees=25)

    @pytest.mark.parametrize(
        ("kind", "amount", "available_minor"),
        [("deduction", "30.00", 70_00), ("manual", "-130.00", -30_00), ("manual", "5.00", 105_00)],
    )
    def test_is_taken_off_or_added_by_its_kind(
        self, journey: Journey, affiliate: str, kind: str, amount: str, available_minor: int
    ) -> None:
        journey.do(*by_hand("enter", affiliate, kind, amount))
        journey.do("release", at=journey.at + HOUR)
        journey.has(affiliate, available=available_minor)

    def test_is_refused_by_name_and_changes_nothing(self, journey: Journey, affiliate: str) -> None:
        journey.do(*by_hand("enter", affiliate, "bonus", "1.00"))
        journey.do("release", at=journey.at + HOUR)
        for argv, code in (
            (by_hand("enter", affiliate, "bonus", "2.00"), "reference_taken"),
            (by_hand("enter", affiliate, "bonus", "-2.00", ref="x"), "not_positive"),
            (by_hand("enter", affiliate, "manual", "0.00", ref="x"), "not_positive"),
            (by_hand("enter", affiliate, "bonus", "two", ref="x"), "not_an_amount"),
            (by_hand("enter", affiliate, "bonus", "2.00", ref="x" * 101), "no_reference"),
            (by_hand("enter", "NOBODY", "bonus", "2.00", ref="x"), "unknown_partner"),
            (by_hand("enter", affiliate, "bonus", "2.00", ref="x", who="ada"), "not_allowed"),
        ):
            assert journey.refused(*argv) == code, argv
            journey.has(affiliate, available=101_00)


class TestARefund:
    def test_takes_back_what_is_not_paid_yet_and_makes_a_debt_of_what_was(
        self, journey: Journey, affiliate: str
    ) -> None:
        part = by_hand("refund", "o-1", "40.00", "--program", "affiliate", ref="r-1")
        for again in (False, True):
            assert journey.do(*part)["again"] is again
        journey.has(affiliate, available=60_00)
        payout = journey.do("request", affiliate, "60.00", "--reason", "all of it", "--as", "mia")["id"]
        journey.approve(payout)
        journey.do("send")
        journey.has(affiliate, paid=59_75, fees=25)

        rest = journey.do(*by_hand("refund", "o-1", "--program", "affiliate", ref="r-2"))
        assert (rest["kind"], rest["amount_minor"]) == ("clawback", 60_00)
        journey.has(affiliate, available=-60_00, paid=59_75, fees=25)
        over = by_hand("refund", "o-1", "1.00", "--program", "affiliate", ref="r-3")
        assert journey.refused(*over) == "more_than_sold"

    def test_of_a_service_prices_its_month_again(self, journey: Journey) -> None:
        barber = journey.partner("barber", "BAR1")
        journey.take_in("sales", *services(10, *["20.00"] * 51), at=CLOSED)
        journey.do("accrue")
        journey.do("release")
        journey.has(barber, available=734_40)

        journey.do(*by_hand("refund", "ser-10-50", "--program", "barber"), at=FRIDAY)
        journey.night(FRIDAY + HOUR)  # fifty are left: 70 % of 1,000.00
        journey.has(barber, reserved=700_00)

    def test_of_what_is_not_there_is_refused_by_name(self, journey: Journey, affiliate: str) -> None:
        for argv, code in (
            (by_hand("refund", "o-9", "--program", "affiliate"), "unknown_sale"),
            (by_hand("refund", "o-1", "--program", "nothing"), "unknown_program"),
            (by_hand("refund", "o-1", "--program", "affiliate", who="ada"), "not_allowed"),
        ):
            assert journey.refused(*argv) == code
        journey.has(affiliate, available=100_00)
