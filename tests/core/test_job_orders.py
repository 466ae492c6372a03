"""A person has the scheduler run a job, dry first, or pauses one: one at a time, with an end, and told how it went."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine

from core.access import NotAllowed
from core.job_orders import AlreadyAsked, JobOrder, last_orders, order_run
from core.pauses import (
    AlreadyPaused,
    NeverPaused,
    NoPauseReason,
    NotPaused,
    PausedAnew,
    PauseTooLong,
    current_pauses,
    pause_job,
    resume_job,
)
from core.settings import Settings
from jobs.clock import Clock
from jobs.due import due_slot
from jobs.health import find_faults
from jobs.job import Job, Orders, all_jobs
from jobs.timetable import Desk as Scheduler
from tests.desk import ADA, DAY, HOUR, NOW, OLA, Desk

SETTINGS = Settings.from_env({"PAYDESK_ENV": "test"})
HELD = 2_500


@pytest.fixture
def owed(desk: Desk) -> str:
    """A partner whose 25.00 matured an hour ago and which no run has released."""
    code = "AFF1"
    desk.partner(code)
    desk.sale(code, "25.00", ref="s-1", at=NOW - HOUR)
    assert desk.balance(code).held == HELD
    return code


def order(desk: Desk, job: str = "release", *, dry_run: bool = False) -> JobOrder:
    return desk.decide(lambda conn: order_run(conn, job, dry_run=dry_run, actor=OLA, now=NOW))


def last(desk: Desk, job: str = "release") -> JobOrder:
    with desk.engine.connect() as conn:
        return last_orders(conn)[job]


def pause(desk: Desk, job: str = "release", *, until: datetime = NOW + DAY) -> None:
    desk.decide(
        lambda conn: pause_job(conn, job, reason="the books are looked at", until=until, actor=OLA, now=NOW)
    )


def scheduler(engine: Engine, *jobs: Job, at: datetime = NOW) -> Scheduler:
    return Scheduler(engine, SETTINGS, Clock(at), jobs or [all_jobs()["release"]])


def test_a_dry_run_tells_the_figures_and_moves_nothing_and_the_run_after_it_moves_them(
    desk: Desk, owed: str
) -> None:
    order(desk, dry_run=True)
    scheduler(desk.engine).turn(all_jobs()["release"])
    tried = last(desk)

    assert (tried.count, tried.result["amounts"], tried.fault) == (1, {"USD": HELD}, None)
    assert (desk.balance(owed).held, desk.balance(owed).available) == (HELD, 0)
    assert desk.scalar("SELECT count(*) FROM job_run") == 0

    order(desk)
    scheduler(desk.engine).turn(all_jobs()["release"])

    assert last(desk).count == 1
    assert (desk.balance(owed).held, desk.balance(owed).available) == (0, HELD)
    assert desk.column("SELECT made_by FROM job_run") == ["user:ola"]


def test_asking_wakes_the_scheduler_when_it_is_committed_and_is_kept(desk: Desk, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN paydesk_job")
        order(desk)
        woken = [note.payload for note in listener.notifies(timeout=60, stop_after=1)]

    assert woken == ["release"]
    assert desk.column("SELECT actor FROM audit WHERE action = 'job.ordered'") == ["user:ola"]


def test_a_double_click_is_one_run_and_another_kind_of_run_waits_for_the_first(desk: Desk) -> None:
    first = order(desk)
    assert order(desk) == first
    with pytest.raises(AlreadyAsked):
        order(desk, dry_run=True)
    assert desk.scalar("SELECT count(*) FROM job_order") == 1


def test_asking_and_pausing_take_the_right(desk: Desk) -> None:
    with pytest.raises(NotAllowed):
        desk.decide(lambda conn: order_run(conn, "release", dry_run=True, actor=ADA, now=NOW))
    with pytest.raises(NotAllowed):
        desk.decide(lambda conn: pause_job(conn, "queue", reason="why", until=NOW + DAY, actor=ADA, now=NOW))
    assert desk.scalar("SELECT (SELECT count(*) FROM job_order) + (SELECT count(*) FROM job_pause)") == 0


def test_a_run_that_fails_says_why_and_is_not_tried_again_by_itself(desk: Desk) -> None:
    def fails(_orders: Orders) -> None:
        message = "the disk is full"
        raise OSError(message)

    job = Job(name="release", sentence="", run_once=fails)  # type: ignore[arg-type]
    order(desk)
    scheduler(desk.engine, job).turn(job)

    assert (last(desk).fault, last(desk).count) == ("OSError: the disk is full", None)
    assert last(desk).ended_at is not None
    assert desk.scalar("SELECT ok FROM job_run") is False


def test_a_run_whose_process_died_is_taken_up_again(desk: Desk, owed: str) -> None:
    order(desk)
    died = SystemExit("killed")

    def dies(_orders: Orders) -> None:
        raise died

    job = Job(name="release", sentence="", run_once=dies)  # type: ignore[arg-type]
    with pytest.raises(SystemExit):
        scheduler(desk.engine, job).turn(job)
    assert (last(desk).began_at is not None, last(desk).ended_at) == (True, None)

    scheduler(desk.engine).turn(all_jobs()["release"])
    assert last(desk).count == 1
    assert desk.balance(owed).available == HELD


def test_a_paused_job_rests_until_its_end_and_then_does_what_it_missed(desk: Desk, owed: str) -> None:
    job = all_jobs()["release"]
    pause(desk, until=NOW + 2 * HOUR)

    assert scheduler(desk.engine, at=NOW + HOUR).turn(job) is None
    assert desk.balance(owed).available == 0

    assert scheduler(desk.engine, at=NOW + 2 * HOUR).turn(job) is not None
    assert desk.balance(owed).available == HELD


def test_a_paused_job_still_runs_when_a_person_asks(desk: Desk, owed: str) -> None:
    pause(desk)
    order(desk)
    scheduler(desk.engine).turn(all_jobs()["release"])
    assert desk.balance(owed).available == HELD


def test_resuming_ends_the_pause_at_once(desk: Desk, owed: str) -> None:
    pause(desk)
    desk.decide(lambda conn: resume_job(conn, "release", actor=OLA, now=NOW))

    assert scheduler(desk.engine).turn(all_jobs()["release"]) is not None
    assert desk.balance(owed).available == HELD
    with pytest.raises(NotPaused):
        desk.decide(lambda conn: resume_job(conn, "release", actor=OLA, now=NOW))
    assert desk.column("SELECT action FROM audit WHERE action LIKE 'job.%' ORDER BY seq") == [
        "job.paused",
        "job.resumed",
    ]


def test_a_pause_that_ran_out_makes_room_for_the_next(desk: Desk) -> None:
    pause(desk, until=NOW + HOUR)
    later = NOW + 3 * HOUR
    desk.decide(
        lambda conn: pause_job(conn, "release", reason="again", until=later + HOUR, actor=OLA, now=later)
    )
    with desk.engine.connect() as conn:
        assert [one.reason for one in current_pauses(conn, now=later).values()] == ["again"]


@pytest.mark.parametrize(
    ("job", "reason", "until", "refusal"),
    [
        ("release", "  ", NOW + DAY, NoPauseReason),
        ("send", "why", NOW + DAY, NeverPaused),
        ("resolve", "why", NOW + DAY, NeverPaused),
        ("release", "why", NOW, PauseTooLong),
        ("release", "why", NOW + timedelta(days=7, seconds=1), PauseTooLong),
    ],
)
def test_a_pause_without_reason_or_end_or_of_money_in_flight_is_refused(
    desk: Desk, job: str, reason: str, until: datetime, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        desk.decide(lambda conn: pause_job(conn, job, reason=reason, until=until, actor=OLA, now=NOW))
    assert desk.scalar("SELECT count(*) FROM job_pause") == 0


def test_a_job_is_paused_once(desk: Desk) -> None:
    pause(desk)
    with pytest.raises(AlreadyPaused):
        pause(desk)


def test_a_paused_job_holds_back_no_job_of_its_night_and_is_no_fault(desk: Desk) -> None:
    jobs = all_jobs()
    queue = jobs["queue"]
    with desk.engine.connect() as conn:
        assert due_slot(conn, queue, jobs, now=NOW) is None, "it waits for the jobs before it"
    for name in queue.after:
        pause(desk, name)
    with desk.engine.connect() as conn:
        assert due_slot(conn, queue, jobs, now=NOW) is not None
        late = [fault for fault in find_faults(conn, now=NOW) if fault.name == "job_late"]
    assert late == []


def test_resuming_one_pause_never_ends_another(desk: Desk, owed: str) -> None:
    del owed
    holding = "SELECT id FROM job_pause WHERE ended_at IS NULL"
    pause(desk)
    seen = int(str(desk.scalar(holding)))
    desk.decide(lambda conn: resume_job(conn, "release", actor=OLA, now=NOW))
    pause(desk)
    anew = int(str(desk.scalar(holding)))

    with pytest.raises(PausedAnew, match="release is paused anew, by ola"):
        desk.decide(lambda conn: resume_job(conn, "release", pause_id=seen, actor=OLA, now=NOW))
    assert desk.column(holding) == [anew]

    desk.decide(lambda conn: resume_job(conn, "release", pause_id=anew, actor=OLA, now=NOW))
    assert desk.column(holding) == []
