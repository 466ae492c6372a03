"""Health: every fault has a name, a sentence and the money that waits; a desk at work has none."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from jobs.clock import Clock
from jobs.health import Fault, MoneyAtRisk, find_faults
from jobs.http import serve
from tests import builders
from tests.builders import DAY, NOW
from tests.building.events import end_event, told


def beats(
    conn: Connection, job: str, *, age: timedelta = timedelta(), note: str = "", hangs: bool = False
) -> None:
    conn.execute(
        text("""
            INSERT INTO heartbeat (job, beat_at, started_at, note)
            VALUES (:job, now() - :age, CASE WHEN :hangs THEN now() - :age END, :note)
        """),
        {"job": job, "age": age, "note": note, "hangs": hangs},
    )


def served(conn: Connection, job: str, *, age: timedelta) -> None:
    conn.execute(
        text("""
            INSERT INTO job_run (job, slot, as_of, started_at, ended_at, ok, made_by)
            VALUES (:job, :slot, :slot, :slot, :slot, true, 'job:test')
        """),
        {"job": job, "slot": NOW - age},
    )


def names(faults: list[Fault]) -> list[str]:
    return [fault.name for fault in faults]


def test_a_desk_at_work_has_no_fault(conn: Connection):
    beats(conn, "scheduler")
    served(conn, "release", age=timedelta())
    partner = builders.partner(conn, builders.program(conn))
    builders.earning(conn, partner, 10_000)
    assert find_faults(conn, now=NOW) == []


def test_a_silent_scheduler_is_named_with_the_money_that_waits_for_it(conn: Connection):
    beats(conn, "scheduler", age=timedelta(minutes=5))
    partner = builders.partner(conn, builders.program(conn, currency="EUR"))
    payout = builders.payout(conn, partner, [builders.earning(conn, partner, 10_000)])
    assert find_faults(conn, now=NOW)[0].money_at_risk == ()
    builders.approve(conn, payout)
    (fault,) = find_faults(conn, now=NOW)
    assert fault.name == "scheduler_silent"
    assert "5 min" in fault.sentence
    assert fault.money_at_risk == (MoneyAtRisk(currency="EUR", amount_minor=10_000),)


def test_an_outcome_unknown_for_an_hour_is_named_with_its_money(conn: Connection):
    beats(conn, "scheduler")
    partner = builders.partner(conn, builders.program(conn))
    payout = builders.payout(conn, partner, [builders.earning(conn, partner, 10_000)])
    builders.approve(conn, payout)
    builders.claim(conn, payout)
    builders.end_attempt(conn, payout, "unknown")
    assert find_faults(conn, now=NOW + timedelta(minutes=59)) == []
    (fault,) = find_faults(conn, now=NOW + timedelta(minutes=61))
    assert fault.name == "unknown_outcomes"
    assert fault.money_at_risk == (MoneyAtRisk(currency="USD", amount_minor=10_000),)


def test_money_that_should_have_been_released_is_stuck(conn: Connection):
    beats(conn, "scheduler")
    partner = builders.partner(conn, builders.program(conn))
    builders.earning(conn, partner, 10_000, is_held=True)  # until tomorrow
    assert find_faults(conn, now=NOW + DAY + timedelta(hours=1)) == []
    (fault,) = find_faults(conn, now=NOW + DAY + timedelta(hours=3))
    assert fault.name == "stuck_earnings"
    assert fault.money_at_risk == (MoneyAtRisk(currency="USD", amount_minor=10_000),)


def test_a_job_that_missed_its_slot_hangs_or_failed_is_named(conn: Connection):
    beats(conn, "scheduler")
    served(conn, "release", age=timedelta(hours=3))
    assert names(find_faults(conn, now=NOW)) == ["job_late"]
    served(conn, "release", age=timedelta())
    beats(conn, "queue", age=timedelta(hours=1), hangs=True)
    beats(conn, "accrue", note="failed: ZeroDivisionError: division by zero")
    faults = find_faults(conn, now=NOW)
    assert names(faults) == ["job_hangs", "job_failing"]
    assert "ZeroDivisionError" in faults[1].sentence


def test_broken_books_come_first_as_the_last_check_found_them(conn: Connection):
    assert names(find_faults(conn, now=NOW, books_note="The books do not hold: x (1).")) == [
        "books_broken",
        "scheduler_silent",
    ]


def test_events_that_could_not_be_applied_are_named_with_the_age_of_the_oldest(conn: Connection):
    beats(conn, "scheduler")
    told(conn, received_at=NOW - 4 * DAY)
    assert find_faults(conn, now=NOW) == []
    end_event(conn, state="stuck", outcome="", error="The payout is not paid")
    (fault,) = find_faults(conn, now=NOW)
    assert (fault.name, fault.money_at_risk) == ("stuck_events", ())
    assert fault.sentence.startswith("1 event of the provider could not be applied, the oldest for 96 h:")


@pytest.fixture
def port(engine: Engine) -> Iterator[int]:
    server = serve(engine, Clock(NOW), 0)
    assert server is not None
    yield server.server_port
    server.shutdown()
    server.server_close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_healthz_answers_503_with_the_faults_until_there_are_none(engine: Engine, port: int):
    status, body = get(port, "/healthz")
    assert status == 503
    assert [fault["name"] for fault in json.loads(body)["faults"]] == ["scheduler_silent"]
    with engine.begin() as conn:
        beats(conn, "scheduler")
    assert get(port, "/healthz") == (200, '{"ok": true, "faults": []}')


def test_metrics_are_what_the_database_says(engine: Engine, port: int):
    with engine.begin() as conn:
        beats(conn, "scheduler")
        partner = builders.partner(conn, builders.program(conn))
        builders.payout(conn, partner, [builders.earning(conn, partner, 10_000)])
    status, body = get(port, "/metrics")
    assert status == 200
    assert 'paydesk_payouts_net_minor{currency="USD",status="pending"} 10000.0' in body.splitlines()
    assert not [line for line in body.splitlines() if line.startswith("paydesk_faults{")]


def test_a_port_that_is_taken_stops_no_scheduler(engine: Engine, port: int):
    assert serve(engine, Clock(NOW), port) is None
