"""Runs one job: alone by its advisory lock, with a heartbeat, and with a row when there is something to say."""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from core.refusals import Refusal
from core.runs import RunResult
from jobs.clock import Clock
from jobs.health import FAILED
from jobs.job import Job, Orders
from jobs.keeper import is_alive, kept_awake

log = logging.getLogger(__name__)

LOCK_SPACE = 0x70617964  # "payd": keeps these keys apart from other users of advisory locks
POLL_S = 0.1
IDLE_S = 30.0


class JobIsRunning(Refusal):
    """The job {job} is running in another process: try again when it is done."""

    code = "job_running"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one run; `fault` is the exception that ended it."""

    job: str
    run_id: int
    result: RunResult
    duration_ms: int
    fault: Exception | None = None


TRY_LOCK = text("SELECT pg_try_advisory_lock(:space, :key)")
UNLOCK = text("SELECT pg_advisory_unlock(:space, :key)")


@contextmanager
def job_lock(
    engine: Engine, job: str, *, wait_s: float = 0, idle_s: float = IDLE_S
) -> Iterator[Connection | None]:
    """Hold a job's lock on a connection of its own; gives None when another process has it for `wait_s`.

    The lock ends with its session: a killed process leaves none behind, and one that stands still for `idle_s` loses it.
    """
    key = {"space": LOCK_SPACE, "key": zlib.crc32(job.encode()) - 2**31}
    conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        until = time.monotonic() + wait_s
        while not (held := bool(conn.execute(TRY_LOCK, key).scalar_one())) and time.monotonic() < until:
            time.sleep(POLL_S)
        if not held:
            yield None
            return
        with kept_awake(conn, idle_s=idle_s):
            yield conn
        if is_alive(conn):
            conn.execute(UNLOCK, key)
        else:
            conn.invalidate()
    except BaseException:
        conn.invalidate()  # a session that may still hold the lock is never used again
        raise
    finally:
        conn.close()


NEXT_RUN = text("SELECT nextval(pg_get_serial_sequence('job_run', 'id'))")
# The database's clock: that a process is alive has nothing to do with the desk's `now`.
BEGIN_BEAT = text("""
    INSERT INTO heartbeat (job, beat_at, started_at) VALUES (:job, now(), now())
    ON CONFLICT (job) DO UPDATE SET beat_at = now(), started_at = now()
""")
END_BEAT = text("UPDATE heartbeat SET beat_at = now(), started_at = NULL, note = :note WHERE job = :job")


def perform(
    job: Job, orders: Orders, lock: Connection, *, clock: Clock, made_by: str, slot: datetime | None = None
) -> Run:
    """Run a job once under its lock, and write its row when it did something, failed or served a slot.

    A Refusal on the command line is handed on; every other exception is recorded and returned in `fault`.
    """
    run_id = lock.execute(NEXT_RUN).scalar_one()
    if not orders.dry_run:
        lock.execute(BEGIN_BEAT, {"job": job.name})
    started_at, began = clock.now(), time.monotonic()
    result, fault = RunResult(), None
    working = replace(orders, run_id=run_id, stopping=lambda: orders.stopping() or not is_alive(lock))
    try:
        result = job.run_once(working)
    except Exception as caught:
        fault = caught
        if not isinstance(caught, Refusal):
            log.exception("%s failed", job.name)
    duration_ms = round((time.monotonic() - began) * 1000)
    run = Run(job=job.name, run_id=run_id, result=result, duration_ms=duration_ms, fault=fault)
    if not orders.dry_run and not (isinstance(fault, Refusal) and slot is None):
        note = str(result.details.get("note", "")) if fault is None else f"{FAILED}{words_of(fault)}"
        if is_alive(lock):  # else it stood still for so long that another process runs the job now
            lock.execute(END_BEAT, {"job": job.name, "note": note})
        if fault or slot or result.count or result.details.get("skipped"):
            with orders.engine.begin() as conn:
                _write_row(
                    conn,
                    run,
                    slot=slot,
                    as_of=orders.now,
                    started_at=started_at,
                    ended_at=clock.now(),
                    made_by=made_by,
                )
    if result.count:
        log.info("%s: %d in %d ms", job.name, result.count, duration_ms)
    return run


WRITE_ROW = text("""
    INSERT INTO job_run (id, job, slot, as_of, started_at, ended_at, ok, count, result, error, made_by)
    VALUES (:id, :job, :slot, :as_of, :started_at, :ended_at, :ok, :count, CAST(:result AS jsonb), :error, :made_by)
""")


def _write_row(
    conn: Connection,
    run: Run,
    *,
    slot: datetime | None,
    as_of: datetime,
    started_at: datetime,
    ended_at: datetime,
    made_by: str,
) -> None:
    shown = {"amounts": run.result.amounts, "duration_ms": run.duration_ms, **run.result.details}
    conn.execute(
        WRITE_ROW,
        {
            "id": run.run_id,
            "job": run.job,
            "slot": slot,
            "as_of": as_of,
            "started_at": started_at,
            "ended_at": max(started_at, ended_at),
            "ok": run.fault is None,
            "count": run.result.count,
            "result": json.dumps(shown, default=str),
            "error": None if run.fault is None else words_of(run.fault),
            "made_by": made_by,
        },
    )


def words_of(fault: Exception) -> str:
    """Return what went wrong in a line; what the database adds to it below may hold anybody's row."""
    return f"{type(fault).__name__}: {str(fault).partition(chr(10))[0]}"[:2_000]


def run_by_hand(job: Job, orders: Orders, *, clock: Clock, made_by: str, wait_s: float = 60) -> Run:
    """Run a job for a person, waiting its turn for `wait_s`; refuses JobIsRunning, hands on what the job raises."""
    with job_lock(orders.engine, job.name, wait_s=wait_s) as lock:
        if lock is None:
            raise JobIsRunning(job=job.name)
        run = perform(job, orders, lock, clock=clock, made_by=made_by)
    if run.fault is not None:
        raise run.fault
    return run
