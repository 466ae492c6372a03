"""What people decide before a payout leaves, and after."""

from __future__ import annotations

from tests.desk import ABE, ADA, DAY, HOUR, MIA
from tests.drill import people, rounds, telling
from tests.drill.steps import Schedule, Steps
from tests.drill.world import DUO


def what_a_person_did_not_see_is_not_approved(steps: Steps) -> None:
    steps.approved()
    steps.take(people.look, 0)
    steps.take(people.take_back, 0)
    assert steps.take(people.approve, 0, ADA, as_seen=True) == "changed_since"
    assert steps.take(people.approve, 0, ADA) == "done"


def an_approval_taken_back_counts_no_more(steps: Steps) -> None:
    payout = steps.approved(minor=500_00)
    steps.take(people.take_back, 0)
    assert steps.take(people.approve, 0, ADA) == "waiting"
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("pending", [])
    assert steps.take(people.approve, 0, ABE) == "done"


def a_large_payout_takes_two_other_people(steps: Steps) -> None:
    steps.sold(minor=600_00)
    assert steps.take(people.request, 0, 500_00, DUO) == "asked"
    assert steps.take(people.approve, 0, DUO) == "own_payout"
    assert steps.take(people.approve, 0, ADA) == "waiting"
    assert steps.take(people.approve, 0, ADA) == "already_approved"
    steps.take(rounds.send)
    assert steps.left() == []
    assert steps.take(people.approve, 0, ABE) == "done"


def what_is_on_hold_does_not_leave(steps: Steps) -> None:
    payouts = [steps.approved(0), steps.approved(1), steps.approved(2)]
    assert steps.take(people.hold, 0, "partner", 0) == "held"
    assert steps.take(people.hold, 1, "payout", 0) == "held"
    assert steps.take(people.suspend, 2, back=False) == "suspended"
    steps.take(rounds.send)
    steps.take(rounds.stand_still, 0, sent=True)
    assert ([steps.status(one) for one in payouts], steps.left()) == (["approved"] * 3, [])


def an_earning_on_hold_takes_its_payout_along(steps: Steps) -> None:
    payout = steps.approved()
    assert steps.take(people.hold, 0, "earning", 0) == "held"
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("cancelled", [])


def a_destination_changed_after_the_approval_is_not_paid(steps: Steps) -> None:
    payout = steps.approved()
    assert steps.take(people.move_destination, 0) == "moved"
    steps.take(rounds.send)
    steps.after(2 * DAY)
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("cancelled", [])
    again = steps.approved()
    steps.take(rounds.send)
    assert steps.status(again) == "paid"


def a_destination_changed_after_sending_changes_nothing_sent(steps: Steps) -> None:
    payout = steps.approved()
    steps.take(rounds.send, "drop_before")
    dead = steps.approved(1)
    steps.take(rounds.stand_still, 0, sent=False)
    for who in (0, 1):
        steps.take(people.move_destination, who)
    steps.after(2 * HOUR)
    steps.take(rounds.send)
    steps.take(rounds.resolve)
    assert [steps.status(one) for one in (payout, dead)] == ["paid", "paid"]


def nothing_is_pulled_back_while_stopped(steps: Steps) -> None:
    steps.approved()
    steps.take(rounds.send)
    assert steps.take(telling.agree_on_reversal, 0, 20_00) == "agreed"
    steps.take(telling.pull_back, "drop_before")
    assert steps.take(people.stop) == "stopped"
    for _ in range(3):
        steps.after(2 * HOUR)
        steps.take(telling.pull_back)
    assert [one for one in steps.world.fake.books() if one.kind == "reversal"] == []


def nothing_leaves_while_stopped(steps: Steps) -> None:
    payouts = [steps.approved(0), steps.approved(1), steps.approved(2)]
    steps.take(rounds.stand_still, 0, sent=False)
    steps.take(rounds.send, "drop_before", 1)
    payouts.append(steps.approved(2))
    assert steps.take(people.stop) == "stopped"
    posts = steps.world.figures["posts"]
    for _ in range(3):
        steps.after(2 * HOUR)
        for job in (rounds.send, rounds.resolve):
            steps.take(job)
    steps.take(rounds.stand_still, 0, sent=True)
    assert steps.world.figures["posts"] == posts
    assert steps.take(people.start) == "agreed"
    steps.after(2 * HOUR)
    for job in (rounds.send, rounds.resolve):
        steps.take(job)
    assert {steps.status(one) for one in payouts} == {"paid"}


def what_was_cancelled_is_not_sent(steps: Steps) -> None:
    payout = steps.approved()
    assert steps.take(people.end, 0, MIA, reject=False) == "done"
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("cancelled", [])
    sent = steps.approved()
    steps.take(rounds.send, "drop_after")
    assert steps.take(people.end, 0, MIA, reject=False) == "wrong_status"
    assert steps.status(sent) == "processing"


SCHEDULES: tuple[Schedule, ...] = (
    what_a_person_did_not_see_is_not_approved,
    an_approval_taken_back_counts_no_more,
    a_large_payout_takes_two_other_people,
    what_is_on_hold_does_not_leave,
    an_earning_on_hold_takes_its_payout_along,
    a_destination_changed_after_the_approval_is_not_paid,
    a_destination_changed_after_sending_changes_nothing_sent,
    nothing_is_pulled_back_while_stopped,
    nothing_leaves_while_stopped,
    what_was_cancelled_is_not_sent,
)
