"""The timetable: the library `schedule` only pokes workers, one thread per job, so no job ever delays another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import schedule
from sqlalchemy import Connection, Engine

from core.job_orders import JobOrder, begin_order, end_order, order_waits
from core.pauses import current_pauses
from core.settings import Settings
from jobs.clock import Clock
from jobs.due import due_slot
from jobs.job import Job, Orders
from jobs.runner import Run, job_lock, perform, words_of

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
TICK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Why a job runs now: a person's order, or its turn, which serves `slot` where it has slots."""

    ordered: bool = False
    slot: datetime | None = None


class Desk:
    """What every worker shares."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock, jobs: Iterable[Job]) -> None:
        self.engine = engine
        self.settings = settings
        self.clock = clock
        self.jobs = {job.name: job for job in jobs}
        self.stopping = threading.Event()

    def turn(self, job: Job) -> Run | None:
        """Run a job if it is due or asked for and nobody else runs it; None when there was nothing to do.

        A person's order goes before the timetable's turn, and is carried out while the job is paused too.
        """
        if self._wanted(job) is None:
            return None
        with job_lock(self.engine, job.name) as lock:
            # Again under the lock: another process may just have served it.
            if lock is None or (wanted := self._wanted(job)) is None:
                return None
            if wanted.ordered:
                with self.engine.begin() as conn:
                    order = begin_order(conn, job.name, now=self.clock.now())
                return None if order is None else self._carry_out(job, order, lock)
            return perform(
                job, self._orders(), lock, clock=self.clock, made_by=f"job:{job.name}", slot=wanted.slot
            )

    def _orders(self) -> Orders:
        return Orders(
            engine=self.engine,
            settings=self.settings,
            now=self.clock.now(),
            run_id=0,
            stopping=self.stopping.is_set,
        )

    def _carry_out(self, job: Job, order: JobOrder, lock: Connection) -> Run:
        orders = replace(self._orders(), dry_run=order.dry_run)
        run = perform(job, orders, lock, clock=self.clock, made_by=order.asked_by)
        fault = None if run.fault is None else words_of(run.fault)
        with self.engine.begin() as conn:
            end_order(
                conn,
                order.id,
                result=run.result,
                duration_ms=run.duration_ms,
                fault=fault,
                now=self.clock.now(),
            )
        return run

    def _wanted(self, job: Job) -> Wanted | None:
        """Return what a job should do now, asked on one connection; None when nobody wants it to run."""
        with self.engine.connect() as conn:
            now = self.clock.now()
            if order_waits(conn, job.name):
                return Wanted(ordered=True)
            asked = job.asked is not None and job.asked(conn)
            if not asked and job.name in current_pauses(conn, now=now):
                return None
            slot = due_slot(conn, job, self.jobs, now=now)
        return Wanted(slot=slot) if asked or job.slots is None or slot is not None else None


class Worker(threading.Thread):
    """One job's thread: sleeps until poked; after a failure it pauses, longer each time."""

    def __init__(self, desk: Desk, job: Job) -> None:
        super().__init__(name=job.name, daemon=True)
        self.job = job
        self._desk = desk
        self._poked = threading.Event()
        self._failures = 0
        self._paused_until = 0.0

    def poke(self) -> None:
        """Ask for a turn; while one is under way, for another one after it."""
        self._poked.set()

    def run(self) -> None:
        """Take turns until the desk stops."""
        while True:
            self._poked.wait()
            self._poked.clear()
            if self._desk.stopping.is_set():
                return
            if time.monotonic() >= self._paused_until:
                self._take_turn()

    def _take_turn(self) -> None:
        try:
            run = self._desk.turn(self.job)
            failed = run is not None and run.fault is not None
        except Exception:  # the database is away: nowhere to record it but here
            log.exception("%s could not run", self.job.name)
            failed = True
        self._failures = self._failures + 1 if failed else 0
        if failed:
            pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)
            self._paused_until = time.monotonic() + pause_s


class Timetable:
    """The workers of a desk and what pokes them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        timed = [job for job in desk.jobs.values() if job.slots is not None or job.every_s is not None]
        self.workers = {job.name: Worker(desk, job) for job in timed}
        self._library = schedule.Scheduler()

    def start(self) -> None:
        """Start the workers and give each its first turn at once."""
        for worker in self.workers.values():
            self._library.every(worker.job.checked_every_s).seconds.do(worker.poke)  # type: ignore[arg-type]
            worker.start()
            worker.poke()

    def wake(self, job: str) -> None:
        """Give a job a turn now."""
        if job in self.workers:
            self.workers[job].poke()

    def run_until(self, stop: threading.Event, *, each_tick: Callable[[], None]) -> None:
        """Poke whatever is due until `stop`; `each_tick` is called five times a second."""
        while not stop.wait(TICK_S):
            self._library.run_pending()
            each_tick()

    def stop(self, *, within_s: float) -> list[str]:
        """Start nothing new, wait for the units in hand, and return the jobs that did not end within the time."""
        self.desk.stopping.set()
        until = time.monotonic() + within_s
        for worker in self.workers.values():
            worker.poke()
        for worker in self.workers.values():
            worker.join(max(0.0, until - time.monotonic()))
        return [name for name, worker in self.workers.items() if worker.is_alive()]
