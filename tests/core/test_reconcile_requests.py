"""A comparison that somebody asks for: one at a time, run by the scheduler at once, and told how it ended."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine

from core.access import Actor, NotAllowed, job_actor
from core.reconcile_requests import Request, ask_for_reconciliation, last_request, request_waits
from core.settings import Settings
from jobs.clock import Clock
from jobs.job import Job, all_jobs
from jobs.timetable import Desk as Scheduler
from tests.desk import ADA, HOUR, MIA, NOW, OLA, VIC, Desk

SETTINGS = Settings.from_env({"PAYDESK_ENV": "test"})


def ask(desk: Desk, actor: Actor = ADA) -> Request:
    return desk.decide(lambda conn: ask_for_reconciliation(conn, actor=actor, now=NOW))


def last(desk: Desk) -> Request:
    with desk.engine.connect() as conn:
        found = last_request(conn)
    assert found is not None
    return found


def reconcile_job() -> Job:
    return all_jobs()["reconcile"]


def scheduler(engine: Engine, settings: Settings = SETTINGS) -> Scheduler:
    return Scheduler(engine, settings, Clock(NOW + HOUR), [reconcile_job()])


@pytest.mark.parametrize("actor", [ADA, MIA, OLA, job_actor("send")])
def test_takes_one_person_and_wakes_the_scheduler_when_it_is_committed(
    desk: Desk, database: str, actor: Actor
) -> None:
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN paydesk_reconcile")
        made = ask(desk, actor)
        woken = [note.channel for note in listener.notifies(timeout=60, stop_after=1)]

    assert woken == ["paydesk_reconcile"]
    assert last(desk) == made == Request(id=made.id, asked_at=NOW, asked_by=actor.name)
    assert desk.column("SELECT actor FROM audit WHERE action = 'reconciliation.asked'") == [actor.name]


def test_takes_the_right(desk: Desk) -> None:
    with pytest.raises(NotAllowed):
        ask(desk, VIC)
    assert desk.scalar("SELECT count(*) FROM reconcile_request") == 0


def test_a_double_click_is_one_request(desk: Desk) -> None:
    first = ask(desk)

    assert ask(desk, MIA) == first
    assert desk.scalar("SELECT count(*) FROM reconcile_request") == 1
    assert desk.scalar("SELECT count(*) FROM audit WHERE action = 'reconciliation.asked'") == 1


def test_the_scheduler_runs_it_between_its_slots_and_says_that_it_ended(desk: Desk) -> None:
    desk.approved()
    desk.send()
    turn = scheduler(desk.engine).turn
    turn(reconcile_job())  # the slot of this morning
    runs = desk.scalar("SELECT count(*) FROM reconciliation")
    assert turn(reconcile_job()) is None
    ask(desk)

    assert turn(reconcile_job()) is not None

    done = last(desk)
    assert done.began_at is not None
    assert done.ended_at is not None
    assert done.fault is None
    assert desk.scalar("SELECT count(*) FROM reconciliation") == int(str(runs)) + 1
    assert turn(reconcile_job()) is None
    assert ask(desk).id != done.id


def test_one_that_fails_says_why_and_is_not_asked_again_by_itself(desk: Desk) -> None:
    away = Settings.from_env(
        {
            "PAYDESK_ENV": "test",
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": "sk_test_x",
            "STRIPE_ACCOUNT_ID": "acct_platform",
            "STRIPE_API_BASE": "http://127.0.0.1:9",
        }
    )
    ask(desk)

    run = scheduler(desk.engine, away).turn(reconcile_job())

    assert run is not None
    assert run.fault is not None
    assert "Stripe could not be asked" in str(last(desk).fault)
    with desk.engine.connect() as conn:
        assert not request_waits(conn)
