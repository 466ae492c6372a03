"""What Stripe refuses: for now, for good, or for reasons of ours."""

from __future__ import annotations

from tests.desk import DAY, HOUR
from tests.drill import rounds
from tests.drill.steps import Schedule, Steps


def a_refusal_for_now_is_tried_a_few_times_and_given_back(steps: Steps) -> None:
    payout = steps.approved()
    for _ in range(7):
        steps.take(rounds.send, "limit", 9)
        steps.take(rounds.send)
        steps.after(8 * DAY)
    assert (steps.status(payout), len(steps.world.attempts())) == ("failed", 4)
    assert steps.left() == []


def a_retry_waits_for_its_time(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "limit")
    steps.take(rounds.send)
    steps.take(rounds.send, retrying=True)
    assert steps.status(payout) == "retrying"
    steps.after(2 * HOUR)
    steps.take(rounds.send)
    assert steps.status(payout) == "paid"


def an_empty_balance_spends_no_retry(steps: Steps) -> None:
    payout = steps.approved()
    for _ in range(6):
        steps.take(rounds.send, "no_money")
        assert steps.status(payout) == "approved"
        steps.after(2 * HOUR)
    steps.take(rounds.send)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def too_many_requests_spend_no_retry(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "too_many", 9)
    for _ in range(6):
        steps.after(HOUR)
        steps.take(rounds.resolve, "too_many", 9)
    steps.after(2 * HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def an_account_that_cannot_be_paid_gets_its_money_back_once(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "no_account")
    steps.after(HOUR)
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("failed", [])


SCHEDULES: tuple[Schedule, ...] = (
    a_refusal_for_now_is_tried_a_few_times_and_given_back,
    a_retry_waits_for_its_time,
    an_empty_balance_spends_no_retry,
    too_many_requests_spend_no_retry,
    an_account_that_cannot_be_paid_gets_its_money_back_once,
)
