"""Runs of a job that somebody asks for, dry ones first where wanted: a page never runs a job, the scheduler does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.refusals import Refusal
from core.runs import RunResult


class AlreadyAsked(Refusal):
    """A run of {job} was asked for by {who} and has not ended yet: look at what it does first."""

    code = "already_asked"


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """One run that was asked for and how far it is: `count` and `result` when it ended, `fault` when it failed.

    `result` holds `amounts` (minor units by currency), `duration_ms` and what the job says of itself.
    """

    id: int
    job: str
    dry_run: bool
    asked_at: datetime
    asked_by: str
    began_at: datetime | None
    ended_at: datetime | None
    count: int | None
    result: Mapping[str, Any]
    fault: str | None


ASK = text("""
    INSERT INTO job_order (job, dry_run, asked_at, asked_by) VALUES (:job, :dry_run, :now, :actor)
    ON CONFLICT (job) WHERE ended_at IS NULL DO NOTHING
    RETURNING *
""")
OPEN = text("SELECT * FROM job_order WHERE job = :job AND ended_at IS NULL")
WAKE = text("SELECT pg_notify('paydesk_job', :job)")


def order_run(conn: Connection, job: str, *, dry_run: bool, actor: Actor, now: datetime) -> JobOrder:
    """Ask the scheduler to run a job once, now; a dry run gives the same figures and changes nothing.

    Returns the order that stands, which is the one before when it asks for the same. Refuses NotAllowed, and
    AlreadyAsked while another kind of run of this job is asked for.
    """
    actor.must("run jobs")
    row = (
        conn.execute(ASK, {"job": job, "dry_run": dry_run, "now": now, "actor": actor.name})
        .mappings()
        .one_or_none()
    )
    if row is None:
        standing = conn.execute(OPEN, {"job": job}).mappings().one_or_none()
        if standing is None or standing["dry_run"] != dry_run:
            who = "somebody" if standing is None else standing["asked_by"].removeprefix("user:")
            raise AlreadyAsked(job=job, who=who)
        return JobOrder(**standing)
    made = JobOrder(**row)
    conn.execute(WAKE, {"job": job})
    audit.record(
        conn, "job.ordered", subject="job_order", ids=[made.id], actor=actor, now=now,
        details={"job": job, "dry_run": dry_run},
    )  # fmt: skip
    return made


WAITS = text("SELECT EXISTS (SELECT 1 FROM job_order WHERE job = :job AND ended_at IS NULL)")
LAST = text("SELECT DISTINCT ON (job) * FROM job_order ORDER BY job, id DESC")


def order_waits(conn: Connection, job: str) -> bool:
    """Tell whether somebody waits for a run of this job; one whose process died waits again."""
    return bool(conn.execute(WAITS, {"job": job}).scalar_one())


def last_orders(conn: Connection) -> dict[str, JobOrder]:
    """Return the newest order of every job that was ever asked for, whatever became of it."""
    return {row["job"]: JobOrder(**row) for row in conn.execute(LAST).mappings()}


BEGIN = text("UPDATE job_order SET began_at = :now WHERE job = :job AND ended_at IS NULL RETURNING *")
END = text("""
    UPDATE job_order SET ended_at = :now, count = :count, result = CAST(:result AS jsonb), fault = :fault
     WHERE id = :id AND ended_at IS NULL
""")


def begin_order(conn: Connection, job: str, *, now: datetime) -> JobOrder | None:
    """Say that the run asked for begins and return its order, or None when nobody asked; under the job's lock."""
    row = conn.execute(BEGIN, {"job": job, "now": now}).mappings().one_or_none()
    return None if row is None else JobOrder(**row)


def end_order(
    conn: Connection, order_id: int, *, result: RunResult, duration_ms: int, fault: str | None, now: datetime
) -> None:
    """Say what came of a run that was asked for; an order that has ended stays as it is."""
    told = {"amounts": result.amounts, "duration_ms": duration_ms, **result.details} if fault is None else {}
    values = {
        "id": order_id,
        "count": result.count if fault is None else None,
        "result": json.dumps(told, default=str),
        "fault": fault,
        "now": now,
    }
    conn.execute(END, values)
