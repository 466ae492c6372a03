"""What came of a call when its answer was lost, late, wrong or old: one transfer, or none and a person who knows."""

from __future__ import annotations

from tests.desk import DAY, HOUR
from tests.drill import people, rounds, telling
from tests.drill.steps import MINUTE, Schedule, Steps


def a_lost_answer_is_asked_for_again_under_the_same_key(steps: Steps) -> None:
    payout = steps.approved()
    for fault in ("drop_after", "half_body", "page", "html"):
        steps.take(rounds.send if fault == "drop_after" else rounds.resolve, fault)
        assert steps.status(payout) == "processing"
        steps.after(HOUR)
    steps.after(DAY)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def an_answer_lost_before_midnight_is_asked_for_after_it(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_after")
    steps.after(13 * HOUR)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def silence_is_no_failure(steps: Steps) -> None:
    payout = steps.approved()
    for fault in ("refuse", "delay_before", "delay_after", "empty", "html", "no_id", "dependency", "in_use"):
        steps.take(rounds.send if fault == "refuse" else rounds.resolve, fault)
        assert steps.status(payout) == "processing", fault
        steps.after(HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_server_error_is_no_failure(steps: Steps) -> None:
    """Stripe made the transfer, said 500, and says so again for a day."""
    payout = steps.approved()
    steps.take(rounds.send, "broken_after")
    for _ in range(4):
        steps.after(8 * HOUR)
        steps.take(rounds.send)
        steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_request_that_hangs_is_not_overtaken(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "delay_before")
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    steps.after(2 * MINUTE)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_worker_that_died_is_followed_under_its_key(steps: Steps) -> None:
    first, second = steps.approved(0), steps.approved(1)
    steps.take(rounds.stand_still, 0, sent=True)
    steps.take(rounds.stand_still, 0, sent=False)
    steps.take(rounds.send)
    assert {steps.status(first), steps.status(second)} == {"processing"}
    steps.after(5 * MINUTE)
    steps.take(rounds.send)
    assert {steps.status(first), steps.status(second)} == {"paid"}
    assert len(steps.left()) == 2


def a_worker_that_wakes_after_its_lease_decides_nothing(steps: Steps) -> None:
    """It is refused before Stripe looks at the key, and believes that nothing was ever sent under it."""
    payout = steps.approved()
    steps.take(rounds.stand_still, 0, sent=False)
    steps.after(5 * MINUTE)
    steps.take(rounds.send, "drop_after")
    steps.world.fake.fault("error", status=401, kept=False, type="invalid_request_error")
    assert steps.take(rounds.wake, 0) == "too late"
    steps.take(rounds.calm)
    steps.after(10 * MINUTE)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_key_refused_when_asked_again_says_nothing(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_after")
    steps.after(HOUR)
    steps.take(rounds.resolve, "key_refused")
    assert steps.status(payout) == "processing"
    steps.after(HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_forgotten_key_is_never_sent_again(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_after")
    steps.after(25 * HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_dead_workers_forgotten_key_is_never_sent_again(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.stand_still, 0, sent=True)
    steps.after(25 * HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def a_list_that_lags_proves_no_absence(steps: Steps) -> None:
    """The first try was lost on its way, the last one under its key arrived; the list does not show it yet."""
    payout = steps.approved()
    steps.take(rounds.send, "drop_before")
    steps.after(22 * HOUR + 50 * MINUTE)
    steps.take(rounds.resolve, "drop_after")
    steps.take(rounds.lag, 50)
    steps.after(20 * MINUTE)
    for _ in range(3):
        steps.take(rounds.resolve)
        steps.take(people.prove_absent, 0)
        steps.take(rounds.send)
        assert steps.status(payout) == "processing"
        steps.after(2 * MINUTE)
    steps.after(2 * HOUR)
    steps.take(rounds.resolve)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def what_was_never_made_is_sent_anew_by_two_people_alone(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_before")
    for _ in range(8):
        steps.after(12 * HOUR)
        steps.take(rounds.resolve, "drop_before")
        steps.take(rounds.send)
        if steps.world.attempts()[0].next_look_at is None:
            break
        assert steps.take(people.prove_absent, 0) == "changed_since"
    assert (steps.status(payout), steps.left()) == ("processing", [])
    assert steps.take(people.prove_absent, 0) == "agreed"
    steps.take(rounds.send)
    assert (steps.status(payout), len(steps.left())) == ("paid", 1)


def another_amount_is_not_taken_for_ours(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "altered")
    for hours in (1, 25, 2, 2):
        steps.after(hours * HOUR)
        steps.take(rounds.resolve)
    assert (steps.status(payout), steps.left()) == ("processing", [101])


def a_strangers_transfer_in_our_group_is_not_adopted(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_before")
    ref = steps.world.payouts()[-1].ref
    steps.take(rounds.pay_by_hand, 10_00, ref=ref)
    for _ in range(4):
        steps.after(25 * HOUR)
        steps.take(rounds.resolve)
        steps.take(people.prove_absent, 0)
        steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("processing", [])


def a_transfer_of_ours_that_we_never_made_stops_sending(steps: Steps) -> None:
    steps.approved(0)
    steps.take(rounds.send)
    steps.take(rounds.pay_by_hand, 10_00, 0)
    steps.after(HOUR)
    assert steps.take(rounds.look_at_books) == "differences"
    waiting = steps.approved(1)
    steps.take(rounds.send)
    assert steps.status(waiting) == "approved"
    assert steps.take(people.start) == "agreed"


def what_two_people_pull_back_comes_back_once(steps: Steps) -> None:
    """Stripe took it back and the answer was lost; meanwhile its events tell of it, twice."""
    payout = steps.approved()
    steps.take(rounds.send)
    assert steps.take(telling.agree_on_reversal, 0, 20_00) == "agreed"
    assert steps.take(telling.agree_on_reversal, 0, 5_00) == "under_way"
    steps.take(telling.pull_back, "drop_after")
    steps.take(telling.webhooks, (1, 1, 0))
    for _ in range(2):
        steps.take(telling.hear)
        steps.after(2 * HOUR)
        steps.take(telling.pull_back)
    steps.after(25 * HOUR)
    assert steps.take(telling.agree_on_reversal, 0, 1_000_00) == "more_than_out"
    assert steps.take(telling.agree_on_reversal, 0, 5_00) == "agreed"
    steps.take(telling.pull_back, "drop_before")
    for _ in range(6):
        steps.after(25 * HOUR)
        steps.take(telling.pull_back)
        steps.take(telling.prove_reversal_absent, 0)
    assert steps.status(payout) == "paid"
    assert [one.amount for one in steps.world.fake.books() if one.kind == "reversal"] == [20_00]


def what_customers_pay_is_earned_once_however_it_is_told(steps: Steps) -> None:
    for minor in (70_00, 33_35):
        steps.take(telling.customer_pays, 0, minor)
    steps.take(telling.webhooks, (1, 0, 0, 1))
    steps.take(telling.hear, poll=False)
    steps.take(telling.hear)
    steps.take(telling.customer_gets_back, 0, 33_33)
    steps.take(telling.customer_gets_back, 1, 33_35)
    steps.take(telling.webhooks, (3, 2, 3))
    for _ in range(2):
        steps.take(telling.hear)
        steps.after(HOUR)
    steps.take(telling.customer_gets_back, 0, 33_33)
    steps.take(telling.hear)


SCHEDULES: tuple[Schedule, ...] = (
    a_lost_answer_is_asked_for_again_under_the_same_key,
    an_answer_lost_before_midnight_is_asked_for_after_it,
    silence_is_no_failure,
    a_server_error_is_no_failure,
    a_request_that_hangs_is_not_overtaken,
    a_worker_that_died_is_followed_under_its_key,
    a_worker_that_wakes_after_its_lease_decides_nothing,
    a_key_refused_when_asked_again_says_nothing,
    a_forgotten_key_is_never_sent_again,
    a_dead_workers_forgotten_key_is_never_sent_again,
    a_list_that_lags_proves_no_absence,
    what_was_never_made_is_sent_anew_by_two_people_alone,
    another_amount_is_not_taken_for_ours,
    a_strangers_transfer_in_our_group_is_not_adopted,
    a_transfer_of_ours_that_we_never_made_stops_sending,
    what_two_people_pull_back_comes_back_once,
    what_customers_pay_is_earned_once_however_it_is_told,
)
