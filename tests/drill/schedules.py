"""Chosen schedules: the shapes in which money was paid twice, lost or sent unapproved elsewhere, one after the other.

Each is a few steps under the laws of `tests/drill/laws.py` and then settles; what it says itself is what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.access import Actor
from core.returns import book_return
from tests.desk import ABE, ADA, DAY, HOUR, MIA
from tests.drill import people, rounds
from tests.drill.laws import settle, watched
from tests.drill.report import Report, scenario
from tests.drill.world import DUO, World, prepared, world

MINUTE = timedelta(minutes=1)
Schedule = Callable[["Steps"], None]


class Steps:
    """A world in which every step is taken under the laws."""

    def __init__(self, world: World) -> None:
        self.world = world

    def take(self, step: Callable[..., str], *args: object, **values: object) -> str:
        """Take one step and return what came of it."""
        with watched(self.world):
            return step(self.world, *args, **values)

    def sold(self, who: int = 0, minor: int = 100_05) -> None:
        """A partner with so much sold, and their share of it released."""
        assert self.take(people.sell, who, minor) == "sold"
        self.take(rounds.release)

    def approved(self, who: int = 0, minor: int = 50_20, maker: Actor = MIA) -> int:
        """One payout of that partner, approved."""
        self.sold(who, max(2 * minor, 100_05))
        assert self.take(people.request, who, minor, maker) == "asked"
        self.take(people.approve, -1, ADA)
        if self.world.payouts()[-1].status == "pending":
            assert self.take(people.approve, -1, ABE) == "done"
        payout = self.world.payouts()[-1]
        assert payout.status == "approved"
        return payout.id

    def after(self, by: timedelta) -> None:
        """Let time pass."""
        self.take(rounds.pass_time, by)

    def status(self, payout_id: int) -> str:
        """The payout's status."""
        return next(one.status for one in self.world.payouts() if one.id == payout_id)

    def left(self) -> list[int]:
        """What left at Stripe, but for what was made there by hand."""
        books = self.world.fake.books()
        return [one.amount for one in books if one.kind == "transfer" and one.id not in self.world.by_hand]


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


def nothing_leaves_while_stopped(steps: Steps) -> None:
    payouts = [steps.approved(0), steps.approved(1), steps.approved(2)]
    steps.take(rounds.stand_still, 0, sent=False)
    steps.take(rounds.send, "drop_before", 1)
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


def what_was_cancelled_is_not_sent(steps: Steps) -> None:
    payout = steps.approved()
    assert steps.take(people.end, 0, MIA, reject=False) == "done"
    steps.take(rounds.send)
    assert (steps.status(payout), steps.left()) == ("cancelled", [])
    sent = steps.approved()
    steps.take(rounds.send, "drop_after")
    assert steps.take(people.end, 0, MIA, reject=False) == "wrong_status"
    assert steps.status(sent) == "processing"


SCHEDULES: tuple[Schedule, ...] = tuple(
    made
    for name, made in list(globals().items())
    if callable(made)
    and getattr(made, "__annotations__", {}).get("steps") == "Steps"
    and not name.startswith("_")
)


def play(schedule: Schedule, template: str) -> dict[str, int]:
    """Play one schedule in a world of its own, let it settle, and return what both books hold."""
    with world(template) as one:
        schedule(Steps(one))
        return settle(one)


def run(seed: int, *, quick: bool) -> Report:
    """Play every chosen schedule; they need no seed."""
    with scenario("schedules", seed, quick=quick) as report, prepared() as template:
        for schedule in SCHEDULES:
            try:
                figures = play(schedule, template)
            except AssertionError as fault:
                raise AssertionError(f"{schedule.__name__}: {fault}") from fault
            report.add(**figures, double_pays=0, lost=0, unapproved=0)
    return report
