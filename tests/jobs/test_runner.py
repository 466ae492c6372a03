"""One run of a job: alone, recorded when there is something to say, and caught up when a night was missed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from core.refusals import Refusal
from core.runs import RunResult
from core.settings import Settings
from jobs.clock import Clock
from jobs.job import Job, Orders
from jobs.runner import JobIsRunning, job_lock, run_by_hand
from jobs.slots import Daily, Hourly
from jobs.timetable import Desk

NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PATIENCE_S = 60
SETTINGS = Settings.from_env({"PAYDESK_ENV": "test"})


def orders(engine: Engine, *, dry_run: bool = False) -> Orders:
    return Orders(engine=engine, settings=SETTINGS, now=NIGHT, run_id=0, dry_run=dry_run)


def idle(_orders: Orders) -> RunResult:
    return RunResult()


def breaks(_orders: Orders) -> RunResult:
    raise ZeroDivisionError("division by zero")


def does(n: int) -> Callable[[Orders], RunResult]:
    return lambda _orders: RunResult(count=n)


def rows(engine: Engine) -> list[tuple[str, datetime | None, bool, int, str | None]]:
    with engine.connect() as conn:
        found = conn.execute(text("SELECT job, slot, ok, count, error FROM job_run ORDER BY id"))
        return [tuple(row) for row in found]


def note(engine: Engine, job: str) -> str:
    with engine.connect() as conn:
        found: str = conn.execute(
            text("SELECT note FROM heartbeat WHERE job = :job"), {"job": job}
        ).scalar_one()
        return found


def test_of_two_runners_at_once_one_runs(engine: Engine):
    begun, end = threading.Event(), threading.Event()
    turns = []

    def waits(_orders: Orders) -> RunResult:
        turns.append(1)
        begun.set()
        assert end.wait(PATIENCE_S)
        return RunResult(count=1)

    job = Job(name="send", sentence="", run_once=waits, every_s=2)
    first, second = (Desk(engine, SETTINGS, Clock(NIGHT), [job]) for _ in range(2))
    thread = threading.Thread(target=first.turn, args=[job])
    thread.start()
    assert begun.wait(PATIENCE_S)
    assert second.turn(job) is None
    with pytest.raises(JobIsRunning):
        run_by_hand(job, orders(engine), clock=Clock(NIGHT), made_by="os:root", wait_s=0.2)
    end.set()
    thread.join(PATIENCE_S)
    assert len(turns) == 1
    assert rows(engine) == [("send", None, True, 1, None)]


def test_a_lock_ends_with_its_session(engine: Engine, database: str):
    holding = job_lock(engine, "send")
    lock = holding.__enter__()
    assert lock is not None
    pid = lock.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(database) as owner:  # as a killed process's session ends
        owner.execute("SELECT pg_terminate_backend(%s)", [pid])
    with job_lock(engine, "send", wait_s=PATIENCE_S) as next_one:
        assert next_one is not None
    with pytest.raises(DBAPIError):
        holding.__exit__(None, None, None)


def test_an_idle_run_leaves_a_heartbeat_and_no_row(engine: Engine):
    job = Job(name="send", sentence="", run_once=idle, every_s=2)
    run_by_hand(job, orders(engine), clock=Clock(NIGHT), made_by="os:root")
    assert rows(engine) == []
    assert note(engine, "send") == ""


def test_a_dry_run_leaves_nothing(engine: Engine):
    job = Job(name="release", sentence="", run_once=does(7), slots=Hourly())
    run = run_by_hand(job, orders(engine, dry_run=True), clock=Clock(NIGHT), made_by="os:root")
    assert run.result.count == 7
    assert rows(engine) == []
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM heartbeat")).scalar_one() == 0


def test_a_job_that_raises_is_recorded_and_the_next_one_of_the_night_still_runs(engine: Engine):
    accrue = Job(name="accrue", sentence="", run_once=breaks, slots=Daily(NIGHT.time()))
    release = Job(name="release", sentence="", run_once=does(3), slots=Hourly(), after=("accrue",))
    desk = Desk(engine, SETTINGS, Clock(NIGHT), [accrue, release])
    failed = desk.turn(accrue)
    assert failed is not None
    assert isinstance(failed.fault, ZeroDivisionError)
    assert desk.turn(release) is not None
    assert rows(engine) == [
        ("accrue", NIGHT, False, 0, "ZeroDivisionError: division by zero"),
        ("release", NIGHT, True, 3, None),
    ]
    assert note(engine, "accrue") == "failed: ZeroDivisionError: division by zero"


def test_a_failed_slot_is_tried_again_until_it_is_served(engine: Engine):
    broken = Job(name="accrue", sentence="", run_once=breaks, slots=Daily(NIGHT.time()))
    mended = Job(name="accrue", sentence="", run_once=idle, slots=Daily(NIGHT.time()))
    for job in (broken, mended, mended):
        Desk(engine, SETTINGS, Clock(NIGHT), [job]).turn(job)
    assert [(slot, ok) for _, slot, ok, _, _ in rows(engine)] == [(NIGHT, False), (NIGHT, True)]
    assert note(engine, "accrue") == ""


def test_a_refusal_by_hand_is_handed_on_and_is_no_failure_of_the_job(engine: Engine):
    def refuses(_orders: Orders) -> RunResult:
        raise JobIsRunning(job="x")

    job = Job(name="queue", sentence="", run_once=refuses)
    with pytest.raises(Refusal):
        run_by_hand(job, orders(engine), clock=Clock(NIGHT), made_by="os:root")
    assert [ok for _, _, ok, _, _ in rows(engine)] == []


def test_a_missed_night_is_caught_up_in_its_order_and_served_once(engine: Engine):
    served = []

    def notes(name: str) -> Callable[[Orders], RunResult]:
        def run(_orders: Orders) -> RunResult:
            served.append(name)
            return RunResult()

        return run

    accrue = Job(name="accrue", sentence="", run_once=notes("accrue"), slots=Daily(time(1, 30)))
    release = Job(name="release", sentence="", run_once=notes("release"), slots=Hourly(), after=("accrue",))
    queue = Job(
        name="queue",
        sentence="",
        run_once=notes("queue"),
        slots=Daily(time(2, 15)),
        after=("accrue", "release"),
    )
    jobs = [queue, release, accrue]  # whoever is asked first, the night's order holds
    desk = Desk(engine, SETTINGS, Clock(NIGHT), jobs)
    for _ in range(4):
        for job in jobs:
            desk.turn(job)
    assert served == ["accrue", "release", "queue"]

    # the host was off for three nights: each job runs once, for the latest of them
    back = NIGHT + timedelta(days=3, hours=6)
    desk = Desk(engine, SETTINGS, Clock(back), jobs)
    for _ in range(4):
        for job in jobs:
            desk.turn(job)
    assert served == ["accrue", "release", "queue"] * 2
    assert [slot for _, slot, _, _, _ in rows(engine)][3:] == [
        datetime(2026, 11, 23, 1, 30, tzinfo=UTC),
        datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 2, 15, tzinfo=UTC),
    ]
