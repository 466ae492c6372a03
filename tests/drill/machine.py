"""The desk in any order: a Hypothesis state machine over people, jobs, workers, Stripe's faults and the clock.

Every schedule is drawn from the seed: the same seed gives the same schedules. After each step the laws of an instant are
asked; at its end everything that went wrong stops, all work is done, and both books must agree to the cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from core.access import Actor
from tests.desk import ADA, MIA
from tests.drill import people, rounds, telling
from tests.drill.laws import settle, watched
from tests.drill.report import Report, scenario
from tests.drill.world import DUO, World, prepared, world

# Amounts whose share or fee ends in half a cent are drawn as often as all others.
CENTS = st.integers(1, 9_000).map(lambda n: n * 5) | st.integers(5_00, 450_00)
SMALL = st.integers(1, 40_00)
WHICH = st.integers(0, 3)
WHO = st.integers(0, 2)
FAULT = st.none() | st.sampled_from(sorted(rounds.FAULTS))
APPROVER = st.sampled_from(people.APPROVERS)
MAKER = st.sampled_from((MIA, DUO))
SOON = st.sampled_from([timedelta(minutes=minutes) for minutes in (2, 10, 61)])
LATER = st.sampled_from([timedelta(hours=hours) for hours in (6, 22, 25, 26)])

# What goes on beside every step, whichever rules a schedule is made of: nothing, or some time passes and then one of these
# jobs runs, with a fault; "asked" has a payout asked for and approved before it is sent.
JOBS = ("asked", "asked", "send", "resolve")
TICK = st.none() | st.tuples(st.sampled_from(JOBS), SOON, FAULT, WHICH, st.booleans())
Tick = tuple[str, timedelta, str | None, int, bool] | None

# By webhook: which of the events told so far; None: by Stripe's list.
TOLD = st.none() | st.lists(st.integers(0, 30), min_size=1, max_size=4)
PULL_FAULTS = (None, None, *sorted(rounds.FAULTS.keys() - {"altered"}))
BY_HAND = ("pay", "copy", "reverse", "reverse", "book", "look", "restart")
BLOCKS = ("partner", "earning", "payout", "lift", "move", "suspend", "back")

QUICK_SCHEDULES, QUICK_STEPS = 10, 20
FULL_SCHEDULES, FULL_STEPS = 100, 40
TALLY = Counter[str]()


class Drill(RuleBasedStateMachine):
    """One schedule: the rules are the steps of `people` and `rounds`."""

    template: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.world: World = self._open.enter_context(world(self.template))

    def take(self, step: Callable[..., str], *args: object, **values: object) -> None:
        """Take one step under the laws."""
        with watched(self.world):
            step(self.world, *args, **values)
        TALLY["steps"] += 1

    @initialize(grosses=st.tuples(CENTS, CENTS, CENTS), approvers=st.tuples(APPROVER, APPROVER))
    def begin(self, grosses: tuple[int, int, int], approvers: tuple[Actor, Actor]) -> None:
        """Every partner has sold something, and one payout is on its way."""
        for who, minor in enumerate(grosses):
            self.take(people.sell, who, 100_00 + minor)
        self.take(rounds.release)
        self.ready(0, 50_00, MIA, approvers)

    def tick(self, tick: Tick) -> None:
        """Let a little time pass and a job run."""
        if tick is not None:
            job, after, fault, which, sticky = tick
            self.take(rounds.pass_time, after)
            self.take(telling.pull_back)
            if job == "asked":
                self.earn(which, 60_05)
                self.ready(which, 40_20, MIA, (ADA, ADA))
            self.take(rounds.resolve if job == "resolve" else rounds.send, fault, which, sticky=sticky)

    def earn(self, who: int, minor: int) -> None:
        self.take(people.sell, who, minor)
        self.take(rounds.release)

    def ready(self, who: int, minor: int, maker: Actor, approvers: tuple[Actor, Actor]) -> None:
        self.take(people.request, who, minor, maker)
        for actor in approvers:
            self.take(people.approve, -1, actor)

    @rule(who=WHO, minor=CENTS, maker=MAKER, approvers=st.tuples(APPROVER, APPROVER), tick=TICK)
    def earn_and_ask(
        self, who: int, minor: int, maker: Actor, approvers: tuple[Actor, Actor], tick: Tick
    ) -> None:
        """A payout asked for and approved, as most are."""
        self.earn(who, minor + minor // 8 + 5_00)
        self.ready(who, max(minor, 5_00), maker, approvers)
        self.tick(tick)

    @rule(hours=LATER, fault=FAULT, which=WHICH, tick=TICK)
    def send_much_later(self, hours: timedelta, fault: str | None, which: int, tick: Tick) -> None:
        self.take(rounds.pass_time, hours)
        self.take(rounds.send, fault, which, retrying=which == 0)
        self.tick(tick)

    @rule(which=WHICH, sent=st.booleans(), fault=FAULT, tick=TICK)
    def stand_still(self, which: int, fault: str | None, tick: Tick, *, sent: bool) -> None:
        self.take(rounds.stand_still, which, sent=sent, fault=fault)
        self.tick(tick)

    @rule(which=WHICH, after=st.sampled_from((timedelta(), timedelta(minutes=2))), tick=TICK)
    def wake(self, which: int, after: timedelta, tick: Tick) -> None:
        self.take(rounds.pass_time, after)
        self.take(rounds.wake, which)
        self.tick(tick)

    @rule(who=WHO, minor=CENTS, maker=MAKER, queue=st.booleans(), tick=TICK)
    def ask(self, who: int, minor: int, maker: Actor, tick: Tick, *, queue: bool) -> None:
        self.earn(who, minor + 1_00)
        self.take(*((rounds.queue,) if queue else (people.request, who, minor, maker)))
        self.tick(tick)

    @rule(
        which=WHICH,
        actor=APPROVER,
        step=st.sampled_from(("look", "approve", "approve", "seen", "back", "first")),
        tick=TICK,
    )
    def decide(self, which: int, actor: Actor, step: str, tick: Tick) -> None:
        match step:
            case "look":
                self.take(people.look, which)
            case "approve" | "seen":
                self.take(people.approve, which, actor, as_seen=step == "seen")
            case "back":
                self.take(people.take_back, which)
            case "first":
                self.take(people.process_first, which)
        self.tick(tick)

    @rule(which=WHICH, actor=st.sampled_from((ADA, MIA)), reject=st.booleans(), tick=TICK)
    def end(self, which: int, actor: Actor, tick: Tick, *, reject: bool) -> None:
        self.take(people.end, which, actor, reject=reject)
        self.tick(tick)

    @rule(who=WHO, what=st.sampled_from(BLOCKS), which=WHICH, tick=TICK)
    def block(self, who: int, what: str, which: int, tick: Tick) -> None:
        match what:
            case "lift":
                self.take(people.lift, which)
            case "move":
                self.take(people.move_destination, who)
            case "suspend" | "back":
                self.take(people.suspend, who, back=what == "back")
            case _:
                self.take(people.hold, who, what, which)
        self.tick(tick)

    @rule(
        who=WHO,
        which=WHICH,
        minor=SMALL,
        step=st.sampled_from(("correct", "again", "refund", "reinstate", "sale")),
        tick=TICK,
    )
    def take_money_back(self, who: int, which: int, minor: int, step: str, tick: Tick) -> None:
        match step:
            case "correct" | "again":
                self.take(people.correct, who, which, minor, again=step == "again")
            case "refund":
                self.take(people.refund, which, minor)
            case "reinstate":
                self.take(people.reinstate, which)
            case "sale":
                self.take(people.sell_again, which)
        self.tick(tick)

    @rule(which=WHICH, step=st.sampled_from((people.stop, people.start, people.start)), tick=TICK)
    def stop(self, which: int, step: people.Step[[]], tick: Tick) -> None:
        self.take(step)
        self.take(people.prove_absent, which)
        self.tick(tick)

    @rule(
        which=WHICH,
        minor=SMALL,
        step=st.sampled_from(BY_HAND),
        tick=TICK,
    )
    def by_hand(self, which: int, minor: int, step: str, tick: Tick) -> None:
        match step:
            case "pay" | "copy":
                self.take(rounds.pay_by_hand, minor, which if step == "copy" else None)
            case "reverse":
                self.take(rounds.reverse_by_hand, which, minor)
            case "book":
                self.take(people.book_reversal, which)
            case "look":
                self.take(rounds.look_at_books)
            case "restart":
                self.take(rounds.restart)
        self.tick(tick)

    @rule(
        who=WHO,
        left=st.integers(0, 300_00),
        step=st.sampled_from(("able", "unable", "dry", "full", "lag", "calm")),
        tick=TICK,
    )
    def at_stripe(self, who: int, left: int, step: str, tick: Tick) -> None:
        match step:
            case "able" | "unable":
                self.take(rounds.change_account, who, able=step == "able")
            case "dry":
                self.take(rounds.run_dry, left)
            case "full":
                self.take(rounds.top_up)
            case "lag":
                self.take(rounds.lag, left % 40)
            case "calm":
                self.take(rounds.calm)
        self.tick(tick)

    def teardown(self) -> None:
        """End the schedule: unless a law was broken in it, everything settles and both books agree."""
        try:
            if not self.world.broken:
                TALLY.update(settle(self.world))
                TALLY["schedules"] += 1
                TALLY.update(self.world.figures)
        finally:
            self._open.close()


SHOWN = ("steps", "posts", "transfers", "paid", "cents", "unknown", "declined", "for_people", "blocked")


def run(seed: int, *, quick: bool) -> Report:
    """Run the machine's schedules of this seed and report what they did."""
    schedules, steps = (QUICK_SCHEDULES, QUICK_STEPS) if quick else (FULL_SCHEDULES, FULL_STEPS)
    TALLY.clear()
    with scenario("machine", seed, quick=quick) as report, prepared() as template:
        machine = type("Drill", (Drill,), {"template": template})
        run_state_machine_as_test(
            hypothesis.seed(seed)(machine),
            settings=settings(
                max_examples=schedules,
                stateful_step_count=steps,
                database=None,
                deadline=None,
                phases=(Phase.generate,),  # as drawn: making it shorter takes longer than reading it
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
        report.runs = TALLY["schedules"]
        report.figures = {name: TALLY[name] for name in SHOWN}
    return report
