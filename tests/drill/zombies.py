"""A worker that stands still is no dead worker: stopped at any point, overtaken, and woken again, it writes nothing.

It is stopped (SIGSTOP) at every point of the send protocol, and with its call in flight at Stripe. Its lease ends, and
with it either its sessions or the one that holds the job's lock; a fresh worker takes over and finishes; then it wakes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta

from tests.drill.databases import Saved, contents, cut_off, role_of, take_lock_from
from tests.drill.desks import Place, once_more, place
from tests.drill.report import Report, scenario
from tests.drill.stages import two_to_send
from tests.drill.workers import NAME, Task, Worker, Workers
from tests.stripe.faults import Gate

FRESH = "fresh worker"
# What a late worker may still write: what it learned, as evidence, and how its own run ended.
EVIDENCE = frozenset({"account_state", "attempt_call", "heartbeat", "job_run"})
PAYOUTS = 2
QUICK_AT = ("POST /v1/transfers: before it is sent", "POST /v1/transfers: answer read, nothing recorded")
Cut = Callable[[str, str], None]


def run(seed: int, *, quick: bool) -> Report:
    """Stop a worker at every point (quick: around its first call), overtake it and wake it."""
    with (
        scenario("zombies", seed, quick=quick) as report,
        Workers() as workers,
        place() as ready,
    ):
        two_to_send(ready)
        saved = Saved(ready.url)
        with once_more(ready, saved) as here:
            ended = workers.run(sender(here))
            assert ended.code == 0, ended.said
        numbered = list(enumerate(ended.points, start=1))
        if quick:
            numbered = [each for each in numbered if each[1] in QUICK_AT][:2]
        for number, label in numbered:
            cuts: Sequence[Cut] = (cut_off,) if in_transaction(label) else (take_lock_from, cut_off)
            cuts = cuts[:1] if quick else cuts
            for cut in cuts:
                with once_more(ready, saved) as here:
                    report.add(zombies=1, transfers=stopped_at(here, workers, number, label, cut))
        for answered_first in (True, False):
            with once_more(ready, saved) as here:
                transfers = stopped_in_flight(here, workers, answered_first=answered_first)
                report.add(zombies=1, in_flight=1, transfers=transfers)
    return report


def in_transaction(label: str) -> bool:
    """Whether locks are held at this point: only a lost session gives them up."""
    return label.startswith("before")


def sender(here: Place, *, at: int | None = None, name: str = NAME) -> Task:
    """A worker that sends; `at` is the point where it stops."""
    return Task(
        database=here.url,
        stripe=here.fake.url,
        now=here.now,
        jobs=["send"],
        role=role_of(here.url),
        at=at,
        signal=signal.SIGSTOP,
        name=name,
    )


def finishes(here: Place, workers: Workers) -> dict[str, int]:
    """Let a fresh worker send and ask until both payouts are paid."""
    task = Task(
        database=here.url,
        stripe=here.fake.url,
        now=here.now,
        jobs=["send", "resolve", "send", "resolve"],
        after_s=[0, 120, 600, 600],
        role=role_of(here.url),
        name=FRESH,
    )
    ended = workers.run(task)
    assert ended.code == 0, f"the fresh worker could not: {ended.said}\n{workers.errors()}"
    here.pass_time(timedelta(minutes=10))
    try:
        return here.ends()
    except AssertionError as fault:
        raise AssertionError(f"{fault}; the fresh worker said: {ended.said}") from fault


def stopped_at(here: Place, workers: Workers, number: int, label: str, cut: Cut) -> int:
    """Stop a worker at a point, overtake and wake it; return the transfers made."""
    worker = workers.start(sender(here, at=number))
    where = f"stopped at {number}, {label}, by {cut.__name__}"
    assert worker.wait_until_stopped(), where
    cut(here.url, NAME)
    here.end_leases()
    return overtaken(here, workers, worker, where)


def overtaken(here: Place, workers: Workers, worker: Worker, where: str) -> int:
    """Finish without the sleeper, wake it, and assert that it changes nothing; return the transfers made."""
    try:
        figures = finishes(here, workers)
        before = contents(here.url, without=EVIDENCE)
    finally:
        os.kill(worker.pid, signal.SIGCONT)
        worker.wait()
    after = contents(here.url, without=EVIDENCE)
    changed = [table for table in before if before[table] != after[table]]
    assert not changed, f"{where}: it woke and wrote into {changed}"
    assert figures["transfers"] == len(here.fake.books()) == PAYOUTS, f"{where}: {here.fake.books()}"
    here.ends()
    return figures["transfers"]


def stopped_in_flight(here: Place, workers: Workers, *, answered_first: bool) -> int:
    """Stop a worker while Stripe has its call, executed before or only after the other asks."""
    gate = Gate()
    here.fake.fault("delay_before", gate=gate)
    worker = workers.start(sender(here))
    assert gate.arrived.wait(120)
    os.kill(worker.pid, signal.SIGSTOP)
    assert worker.wait_until_stopped()
    take_lock_from(here.url, NAME)
    here.end_leases()
    if answered_first:
        gate.opened.set()
    else:
        first = Task(
            database=here.url,
            stripe=here.fake.url,
            now=here.now,
            jobs=["send"],
            role=role_of(here.url),
            name=FRESH,
        )
        assert workers.run(first).code == 0
        here.agrees(quiescent=False)
        gate.opened.set()
    return overtaken(here, workers, worker, f"in flight, answered first: {answered_first}")
