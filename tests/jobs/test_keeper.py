"""A process that stands still loses its job to another; woken, it claims nothing more and writes nothing wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from jobs.keeper import is_alive
from jobs.runner import job_lock
from tests.desk import Rail, open_desk

IDLE_S = 5.0  # more than a process at work may stand still on a busy machine
PATIENCE_S = 60

HOLDS = """
import sys
from db.engine import make_engine
from jobs.keeper import is_alive
from jobs.runner import job_lock
engine = make_engine(sys.argv[1], application_name="holds")
with job_lock(engine, "send", idle_s=float(sys.argv[2])) as lock:
    print("held", flush=True)
    sys.stdin.readline()
    print("alive" if is_alive(lock) else "lost", flush=True)
"""
# The sender of one payout, held in the middle of its call to the provider.
SENDS = """
import sys
from datetime import UTC, datetime
from core.sending import send_due
from core.runs import RunResult
from core.settings import Settings
from db.engine import make_engine
from jobs import runner
from jobs.clock import Clock
from jobs.job import Job, Orders
from tests.desk import NOW, Rail
from core.providers import Succeeded

def slow(order):
    print("sending", flush=True)
    sys.stdin.readline()
    return Succeeded(provider_ref=f"tr_{order.key}")

def work(orders):
    done = send_due(orders.engine, Rail(slow), now=NOW, limit=1, stopping=orders.stopping)
    again = send_due(orders.engine, Rail(), now=NOW, stopping=orders.stopping)
    return RunResult(count=done.count, details={"more": again.count, "note": "written by the one that slept"})

engine = make_engine(sys.argv[1], application_name="sends")
job = Job(name="send", sentence="", run_once=work, every_s=2)
orders = Orders(engine=engine, settings=Settings.from_env({"PAYDESK_ENV": "test"}), now=NOW, run_id=0)
with runner.job_lock(engine, "send", idle_s=float(sys.argv[2])) as lock:
    run = runner.perform(job, orders, lock, clock=Clock(NOW), made_by="job:send")
print(run.result.details["more"], flush=True)
"""


@contextmanager
def process(script: str, database: str) -> Iterator[subprocess.Popen[str]]:
    """Another process of the desk, ended afterwards."""
    one = subprocess.Popen(
        [sys.executable, "-c", script, database, str(IDLE_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield one
    finally:
        one.kill()
        one.communicate()


def said(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().strip()


def go_on(one: subprocess.Popen[str]) -> None:
    assert one.stdin is not None
    one.stdin.write("\n")
    one.stdin.flush()


def test_a_process_that_stands_still_loses_its_lock_and_knows_it_when_it_wakes(
    engine: Engine, database: str
) -> None:
    with process(HOLDS, database) as holder:
        assert said(holder) == "held"
        with job_lock(engine, "send") as mine:
            assert mine is None
        os.kill(holder.pid, signal.SIGSTOP)

        with job_lock(engine, "send", wait_s=PATIENCE_S) as mine:
            assert mine is not None
            os.kill(holder.pid, signal.SIGCONT)
            go_on(holder)
            assert said(holder) == "lost"


def test_a_process_at_work_keeps_it_however_long_it_takes(engine: Engine, database: str) -> None:
    with process(HOLDS, database) as holder:
        assert said(holder) == "held"
        with job_lock(engine, "send", wait_s=2 * IDLE_S) as mine:
            assert mine is None
        go_on(holder)
        assert said(holder) == "alive"
    with job_lock(engine, "send", wait_s=PATIENCE_S) as mine:
        assert mine is not None


def test_a_lock_given_back_leaves_its_session_as_it_was(engine: Engine) -> None:
    with job_lock(engine, "send", idle_s=IDLE_S) as mine:
        assert mine is not None
        assert is_alive(mine)
    with engine.connect() as conn:
        assert conn.execute(text("SHOW idle_session_timeout")).scalar_one() == "0"


def test_a_sender_that_slept_writes_nothing_over_what_the_other_did(
    engine: Engine, database: str, tmp_path: Path
) -> None:
    desk = open_desk(engine, tmp_path)
    first, second = desk.approved("AFF1"), desk.approved("AFF2")
    with process(SENDS, database) as sleeper:
        assert said(sleeper) == "sending"
        os.kill(sleeper.pid, signal.SIGSTOP)
        with job_lock(desk.engine, "send", wait_s=PATIENCE_S) as mine:
            assert mine is not None
            over(database)
            assert (
                desk.send(Rail()).succeeded == 2
            )  # the one that was under way, under its own key, and the other
            before = [desk.balance("AFF1"), desk.balance("AFF2"), desk.status(first), desk.status(second)]
            os.kill(sleeper.pid, signal.SIGCONT)
            go_on(sleeper)
            assert said(sleeper) == "0"

    assert [desk.balance("AFF1"), desk.balance("AFF2"), desk.status(first), desk.status(second)] == before
    assert desk.column("SELECT state FROM attempt") == ["succeeded", "succeeded"]
    assert desk.scalar("SELECT note FROM heartbeat WHERE job = 'send'") == ""
    assert desk.faults() == []


def over(database: str) -> None:
    """The lease of what the sleeper was sending is over."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE attempt SET lease_until = clock_timestamp() WHERE state = 'started'")
