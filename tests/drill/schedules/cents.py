"""Whose cents they are: shares, fees, splits, debts, caps and returns."""

from __future__ import annotations

from sqlalchemy import Engine

from core.requests import request_payout
from core.returns import book_return
from tests.desk import ADA, MIA
from tests.drill import people, rounds, telling
from tests.drill.laws import check
from tests.drill.steps import Schedule, Steps
from tests.drill.world import World
from tests.faults.racing import Side, meet


def what_was_taken_back_is_netted_from_the_next_payout(steps: Steps) -> None:
    steps.approved(minor=90_00)
    steps.take(rounds.send)
    earned = steps.world.rows("SELECT id FROM earning WHERE amount_minor > 0 ORDER BY id")
    assert steps.take(people.correct, 0, 0, 150_00) == "taken back", earned
    for again in (True, True):
        assert steps.take(people.correct, 0, 0, 150_00, again=again) == "again"
    steps.sold(minor=200_00)
    assert steps.take(people.request, 0, 150_00) == "over_balance"
    assert steps.take(rounds.queue) == "queued"
    assert steps.world.payouts()[-1].amount_minor < 200_00 * 9 // 10
    steps.take(people.approve, -1, ADA)
    steps.take(rounds.send)
    assert steps.take(people.reinstate, 0) == "put back"
    assert steps.take(people.reinstate, 0) == "again"


def splitting_an_earning_makes_no_cent(steps: Steps) -> None:
    steps.sold(minor=333_35)
    for minor in (33_33, 66_67, 100_01):
        assert steps.take(people.request, 0, minor) == "asked"
        steps.take(people.approve, -1, ADA)
    steps.take(people.end, 0, ADA, reject=False)
    for _ in range(4):
        steps.take(rounds.send)
    assert len(steps.left()) == 2


def fees_and_shares_round_half_to_even(steps: Steps) -> None:
    for gross in (10_05, 10_15, 10_25, 10_35):
        steps.sold(minor=gross)
    for amount in (5_20, 5_40, 5_60, 5_80):
        assert steps.take(people.request, 0, amount) == "asked"
        steps.take(people.approve, -1, ADA)
    for _ in range(8):  # a run passes over whom another worker holds
        steps.take(rounds.send)
    assert len(steps.left()) == 4


def a_monthly_cap_is_kept(steps: Steps) -> None:
    steps.sold(minor=3_000_00)
    assert steps.take(people.request, 0, 1_990_00) == "asked"
    assert steps.take(people.request, 0, 10_01) == "cap_reached"
    assert steps.take(people.request, 0, 10_00) == "asked"
    assert steps.take(people.request, 0, 5_00) == "cap_reached"


def two_requests_at_once_keep_the_cap(steps: Steps) -> None:
    steps.sold(minor=4_000_00)
    one, other = _asks_for(steps.world, "1500.00"), _asks_for(steps.world, "1000.00")
    steps.world.broken = True
    assert meet(steps.world.at.url, one, other) == ("asked", "cap_reached")
    check(steps.world)
    steps.world.broken = False


def _asks_for(world: World, amount: str) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            request_payout(conn, world.codes[0], amount, reason="asked", actor=MIA, now=world.now)
        return "asked"

    return side


def what_is_not_released_is_not_paid(steps: Steps) -> None:
    assert steps.take(people.sell, 0, 100_05) == "sold"
    assert steps.take(people.request, 0, 50_00) == "over_balance"
    assert steps.take(rounds.queue) == "nothing due"
    assert steps.take(rounds.release) == "released"
    assert steps.take(rounds.queue) == "queued"


def what_stripe_passed_on_itself_is_not_paid_again(steps: Steps) -> None:
    assert steps.take(telling.customer_pays, 0, 70_00, outside=True) == "paid"
    steps.take(telling.hear)
    steps.take(rounds.release)
    assert steps.take(people.request, 0, 63_00) == "over_balance"


def no_more_comes_back_than_was_paid(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send)
    steps.take(rounds.reverse_by_hand, 0, 20_00)
    assert steps.take(people.book_reversal, 0) == "booked"
    assert steps.take(people.book_reversal, 0) == "again"
    told = people.step(_told_too_much)
    assert steps.take(told, payout) == "more_than_paid"
    steps.take(rounds.reverse_by_hand, 0, 100_00)
    assert steps.take(people.book_reversal, 1) == "booked"
    assert steps.status(payout) == "reversed"


def _told_too_much(world: World, payout_id: int) -> str:
    """A message about a reversal that cannot be."""
    values = {"amount_minor": 45_00, "event_ref": "trr_not_there", "reason": "reversed"}
    world.do(lambda c: book_return(c, payout_id, actor=MIA, now=world.now, **values))  # type: ignore[arg-type]
    return "booked"


SCHEDULES: tuple[Schedule, ...] = (
    what_was_taken_back_is_netted_from_the_next_payout,
    splitting_an_earning_makes_no_cent,
    fees_and_shares_round_half_to_even,
    a_monthly_cap_is_kept,
    two_requests_at_once_keep_the_cap,
    what_is_not_released_is_not_paid,
    what_stripe_passed_on_itself_is_not_paid_again,
    no_more_comes_back_than_was_paid,
)
