"""kill -9 at every point: of every job, at every commit and every step of every HTTP exchange, each point once.

The points are found by a run that is not killed, written down and counted. Then, for each of them, a fresh copy of the
same desk and the same Stripe: the worker dies there, a fresh one finishes, and the end is the one without a kill.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import psycopg

from tests.drill.databases import Saved, role_of, sessions_gone
from tests.drill.desks import Place, once_more, place
from tests.drill.points import told
from tests.drill.report import Report, scenario
from tests.drill.stages import QUICK, STAGES, Stage
from tests.drill.workers import NAME, Ended, Task, Workers
from tests.stripe.fake import FakeStripe
from tests.stripe.service import Asked, Reply

TIMEOUT_S = 60
PROTOCOL = re.compile(r"COMMIT of UPDATE payout|POST|attempt")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One place to die: the worker's own `number`-th, or the fake's, in the middle of a request."""

    at: Literal["worker", "stripe"]
    number: int
    label: str


def run(seed: int, *, quick: bool) -> Report:
    """Kill at every point of every stage; `seed` is not used: nothing here is left to chance."""
    with scenario("kills", seed, quick=quick) as report, Workers() as workers:
        for stage in QUICK if quick else STAGES:
            killed = kill_everywhere(stage, workers, report, quick=quick)
            report.figures[f"points of {stage.name}"] = killed
    return report


def kill_everywhere(stage: Stage, workers: Workers, report: Report, *, quick: bool = False) -> int:
    """Kill at every point of one stage (quick: from the claim to what is recorded), assert each end, and return how many."""
    with place() as ready:
        payouts = stage.prepare(ready)
        saved = Saved(ready.url)
        with once_more(ready, saved) as here:
            points, end = discover(stage, here, payouts, workers)
        if quick:
            points = [point for point in points if PROTOCOL.search(point.label)]
        killed = 0
        for point in points:
            with once_more(ready, saved) as here:
                where = f"{stage.name}, point {point.number} of the {point.at}: {point.label}"
                try:
                    killed += die(stage, here, payouts, workers, point)
                    here.agrees(quiescent=False)
                    figures = finish(stage, here, payouts, workers)
                    assert state(here) == end, f"another end: {state(here)} instead of {end}"
                except AssertionError as fault:
                    raise AssertionError(f"{where}: {fault}\n{workers.errors()}") from fault
                report.add(kills=1, transfers=figures["transfers"])
        assert killed == len(points), f"{stage.name}: {killed} of {len(points)} points were killed at"
    return killed


def discover(
    stage: Stage, here: Place, payouts: Sequence[int], workers: Workers
) -> tuple[list[Point], list[object]]:
    """Run once without a kill; return every point passed and the state in the end."""
    phases: list[str] = []
    watch(here.fake, phases.append)
    ended = workers.run(task(stage, here, payouts))
    assert ended.code == 0, f"{stage.name} does not run: {ended.said}\n{workers.errors()}"
    passed = {"worker": ended.points, "stripe": list(phases)}
    finish(stage, here, payouts, workers)
    found = [
        Point(at=at, number=number, label=label)  # type: ignore[arg-type]
        for at, labels in passed.items()
        for number, label in enumerate(labels, start=1)
    ]
    return found, state(here)


def task(stage: Stage, here: Place, payouts: Sequence[int], *, at: int | None = None) -> Task:
    """The stage's work for one worker."""
    return Task(
        database=here.url,
        stripe=here.fake.url,
        now=here.now,
        jobs=stage.jobs,
        approves=payouts,
        role=role_of(here.url),
        at=at,
    )


def die(stage: Stage, here: Place, payouts: Sequence[int], workers: Workers, point: Point) -> int:
    """Let a worker die at a point, wait until its sessions are gone, and return 1."""
    if point.at == "worker":
        ended = workers.run(task(stage, here, payouts, at=point.number))
        assert ended.points[-1] == point.label, f"it died at {ended.points[-1]!r}"
        assert len(ended.points) == point.number
    else:
        ended = _die_in_a_request(stage, here, payouts, workers, point)
    assert ended.code == -signal.SIGKILL, f"it ended with {ended.code}: {ended.said}"
    sessions_gone(here.url, NAME)
    return 1


def _die_in_a_request(
    stage: Stage, here: Place, payouts: Sequence[int], workers: Workers, point: Point
) -> Ended:
    passed, known, dead = 0, threading.Event(), threading.Event()
    pids: list[int] = []

    def phase(label: str) -> None:
        nonlocal passed
        passed += 1
        if passed == point.number:
            assert label == point.label
            assert known.wait(TIMEOUT_S)
            os.kill(pids[0], signal.SIGKILL)
            assert dead.wait(TIMEOUT_S)

    watch(here.fake, phase)
    worker = workers.start(task(stage, here, payouts))
    pids.append(worker.pid)
    known.set()
    ended = worker.wait()
    dead.set()
    return ended


def watch(fake: FakeStripe, phase: Callable[[str], None]) -> None:
    """Tell of every request when it has arrived, before anything is done, and when it is done, before a byte goes out."""
    answer = fake.service.answer
    alone = threading.Lock()

    def watched(asked: Asked) -> Reply:
        what = told(asked.method, asked.path)
        with alone:
            phase(f"{what}: arrived, not done")
            reply = answer(asked)
            phase(f"{what}: done, not a byte of the answer out")
        return reply

    fake.service.answer = watched  # type: ignore[method-assign]


def finish(stage: Stage, here: Place, payouts: Sequence[int], workers: Workers) -> dict[str, int]:
    """Let a fresh worker do the same again once the leases are over, then send and ask until all is said."""
    here.end_leases()
    jobs, after_s = list(stage.jobs), [0.0] * len(stage.jobs)
    for later_s in stage.later_s:
        again = [job for job in stage.jobs if job not in {"approve", "send", "resolve"}] + ["send", "resolve"]
        jobs += again
        after_s += [later_s] * len(again)
    fresh = Task(
        database=here.url,
        stripe=here.fake.url,
        now=here.now,
        jobs=jobs,
        after_s=after_s,
        approves=payouts,
        role=role_of(here.url),
    )
    ended = workers.run(fresh)
    assert ended.code == 0, f"the fresh worker could not: {ended.said}"
    here.pass_time(timedelta(seconds=max(stage.later_s, default=0)))
    return here.ends()


STATE = """
    SELECT 'balance', code, held, available, reserved, paid, fees::text FROM partner_balance JOIN partner ON id = partner_id
     UNION ALL
    SELECT 'payout', code, p.amount_minor, p.net_minor, p.fee_minor, NULL, p.status
      FROM payout p JOIN partner t ON t.id = p.partner_id
     UNION ALL
    SELECT 'attempt', t.code, a.n, NULL, NULL, NULL, a.state
      FROM attempt a JOIN payout p ON p.id = a.payout_id JOIN partner t ON t.id = p.partner_id
     UNION ALL
    SELECT 'difference', coalesce(currency, ''), amount_minor, NULL, NULL, NULL, kind FROM difference
     UNION ALL
    SELECT 'reversal', t.code, r.n, r.amount_minor, NULL, NULL, r.state
      FROM reversal r JOIN payout p ON p.id = r.payout_id JOIN partner t ON t.id = p.partner_id
     UNION ALL
    SELECT 'ledger', kind, count(*), sum(amount_minor), NULL, NULL, NULL FROM ledger_transfer GROUP BY kind
     UNION ALL
    SELECT 'earning', t.code, e.amount_minor, NULL, NULL, NULL, e.kind
      FROM earning e JOIN partner t ON t.id = e.partner_id
     UNION ALL
    SELECT 'hold', t.code, NULL, NULL, NULL, NULL, reason FROM hold h JOIN partner t ON t.id = h.partner_id
     ORDER BY 1, 2, 3, 4, 5, 6, 7
"""


def state(here: Place) -> list[object]:
    """What matters in the end: money, payouts, attempts, differences and holds."""
    with psycopg.connect(here.url, autocommit=True) as conn:
        return list(conn.execute(STATE).fetchall())
