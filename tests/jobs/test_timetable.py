"""The timetable: what is due when, and that no job waits for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from datetime import time as time_of_day
from itertools import pairwise

from sqlalchemy import Engine, text

from core.runs import RunResult
from core.settings import Settings
from jobs.clock import Clock
from jobs.job import Job, Orders, all_jobs
from jobs.scheduler import Listener
from jobs.slots import Daily, Hourly
from jobs.timetable import Desk, Timetable

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SETTINGS = Settings.from_env({"PAYDESK_ENV": "test"})
PATIENCE_S = 60  # of a test for a thread; never waited for when all is well


class Turns:
    """Counts turns and says when each began."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.changed = threading.Condition()

    def run_once(self, orders: Orders) -> RunResult:
        del orders
        with self.changed:
            self.began.append(time.monotonic())
            self.changed.notify_all()
        return RunResult()

    def wait_for(self, n: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.began) >= n, PATIENCE_S)


@contextmanager
def running(timetable: Timetable) -> Iterator[threading.Event]:
    stop = threading.Event()
    clockwork = threading.Thread(target=timetable.run_until, args=[stop], kwargs={"each_tick": lambda: None})
    timetable.start()
    clockwork.start()
    try:
        yield stop
    finally:
        stop.set()
        clockwork.join(PATIENCE_S)


def test_send_keeps_to_two_seconds_while_queue_hangs(engine: Engine):
    sends, hanging, end = Turns(), threading.Event(), threading.Event()

    def hangs(_orders: Orders) -> RunResult:
        hanging.set()
        assert end.wait(PATIENCE_S * 2)
        return RunResult()

    queue = Job(name="queue", sentence="", run_once=hangs, slots=Hourly())
    send = Job(name="send", sentence="", run_once=sends.run_once, every_s=all_jobs()["send"].every_s)
    timetable = Timetable(Desk(engine, SETTINGS, Clock(NOW), [queue, send]))
    with running(timetable):
        assert hanging.wait(PATIENCE_S)
        begun = len(sends.began)
        sends.wait_for(begun + 4)
        assert not end.is_set()
        end.set()
    gaps = [later - earlier for earlier, later in pairwise(sends.began[begun:])]
    assert min(gaps) < 3, (
        gaps
    )  # a busy machine takes its time now and then, a timetable that waits for queue always
    assert timetable.stop(within_s=PATIENCE_S) == []


def test_an_approval_wakes_send_at_once(engine: Engine):
    sends = Turns()
    send = Job(name="send", sentence="", run_once=sends.run_once, every_s=3_600)
    timetable = Timetable(Desk(engine, SETTINGS, Clock(NOW), [send]))
    with running(timetable) as stop:
        sends.wait_for(1)
        listener = Listener(engine, timetable, stop)
        listener.start()
        sends.wait_for(2)  # for what was approved while nobody listened
        with engine.begin() as conn:
            conn.execute(text("SELECT pg_notify('paydesk_send', '')"))
        sends.wait_for(3)
    listener.join(PATIENCE_S)
    assert timetable.stop(within_s=PATIENCE_S) == []


def test_stopping_lets_the_unit_in_hand_finish_and_begins_no_other(engine: Engine):
    begun, stopping = threading.Event(), threading.Event()

    def until_stopped(orders: Orders) -> RunResult:
        begun.set()
        assert stopping.wait(PATIENCE_S)
        assert orders.stopping()
        return RunResult(count=1)

    job = Job(name="send", sentence="", run_once=until_stopped, every_s=2)
    desk = Desk(engine, SETTINGS, Clock(NOW), [job])
    timetable = Timetable(desk)
    with running(timetable):
        assert begun.wait(PATIENCE_S)
    desk.stopping.set()
    stopping.set()
    assert timetable.stop(within_s=PATIENCE_S) == []
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*), bool_and(ok) FROM job_run")).one() == (1, True)


def test_the_nights_jobs_keep_their_times():
    at = {name: job.slots for name, job in all_jobs().items() if job.slots is not None}
    assert at == {
        "accrue": Daily(time_of_day(1, 30)),
        "release": Hourly(),
        "queue": Daily(time_of_day(2, 15)),
        "reconcile": Daily(time_of_day(6, 0)),
    }
    every = {name: job.every_s for name, job in all_jobs().items() if job.every_s is not None}
    assert every == {
        "send": 2,
        "reversals": 3,
        "resolve": 60,
        "events": 60,
        "remind": 300,
        "notify": 60,
        "check": 300,
    }


def test_a_slot_is_served_from_its_instant_on_and_not_before():
    daily, hourly = Daily(time_of_day(2, 15)), Hourly()
    instant = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
    assert daily.latest(instant) == instant
    assert daily.latest(instant.replace(minute=14, second=59)) == instant.replace(day=19)
    assert daily.following(instant) == instant.replace(day=21)
    assert hourly.latest(instant) == instant.replace(minute=0)
    assert hourly.following(instant) == instant.replace(hour=3, minute=0)


def test_a_moved_clock_begins_at_its_instant_and_runs_on():
    clock = Clock(NOW)
    first, second = clock.now(), clock.now()
    assert NOW <= first <= second
    assert (second - NOW).total_seconds() < PATIENCE_S
