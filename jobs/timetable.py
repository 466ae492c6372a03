"""The timetable: the library `schedule` only pokes workers, one thread per job, so no job ever delays another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import schedule
from sqlalchemy import Engine

from core.settings import Settings
from jobs.clock import Clock
from jobs.due import due_slot
from jobs.job import Job, Orders
from jobs.runner import Run, job_lock, perform

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
TICK_S = 0.2


class Desk:
    """What every worker shares."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock, jobs: Iterable[Job]) -> None:
        self.engine = engine
        self.settings = settings
        self.clock = clock
        self.jobs = {job.name: job for job in jobs}
        self.stopping = threading.Event()

    def turn(self, job: Job) -> Run | None:
        """Run a job if it is due or asked for and nobody else runs it; None when there was nothing to do."""
        if job.slots is not None and self._due(job) is None and not self._asked(job):
            return None
        with job_lock(self.engine, job.name) as lock:
            if lock is None:
                return None
            slot = self._due(job)  # again under the lock: another process may just have served it
            if job.slots is not None and slot is None and not self._asked(job):
                return None
            orders = Orders(
                engine=self.engine,
                settings=self.settings,
                now=self.clock.now(),
                run_id=0,
                stopping=self.stopping.is_set,
            )
            return perform(job, orders, lock, clock=self.clock, made_by=f"job:{job.name}", slot=slot)

    def _asked(self, job: Job) -> bool:
        if job.asked is None:
            return False
        with self.engine.connect() as conn:
            return job.asked(conn)

    def _due(self, job: Job) -> datetime | None:
        if job.slots is None:
            return None
        with self.engine.connect() as conn:
            return due_slot(conn, job, self.jobs, now=self.clock.now())


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
