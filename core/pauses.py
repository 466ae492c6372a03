"""Pausing a job of the timetable, with a reason and an end; what looks after money in flight cannot be paused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.refusals import Refusal

LONGEST = timedelta(days=7)
NEVER_PAUSED = frozenset({"send", "retry", "resolve", "reversals", "check"})


class NeverPaused(Refusal):
    """{job} cannot be paused: it looks after money in flight. To keep payouts from leaving, stop all sending."""

    code = "never_paused"


class PauseTooLong(Refusal):
    """A pause ends after now and within seven days."""

    code = "pause_too_long"


class NoPauseReason(Refusal):
    """Say why the job is paused: the reason stands beside it until the pause ends."""

    code = "no_reason"


class AlreadyPaused(Refusal):
    """{job} is paused already, by {who}."""

    code = "already_paused"


class NotPaused(Refusal):
    """{job} is not paused."""

    code = "not_paused"


class PausedAnew(Refusal):
    """{job} is paused anew, by {who}, for another reason than the one you saw: look at it first."""

    code = "paused_anew"


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A pause that holds: of which job, why, by whom (`user:ada`), and until when."""

    id: int
    job: str
    reason: str
    paused_at: datetime
    paused_by: str
    until: datetime


CURRENT = text("""
    SELECT id, job, reason, paused_at, paused_by, until FROM job_pause WHERE ended_at IS NULL AND until > :now
""")


def current_pauses(conn: Connection, *, now: datetime) -> dict[str, Pause]:
    """Return the pauses that hold at `now`, by job; one that ran out holds nothing back."""
    return {row["job"]: Pause(**row) for row in conn.execute(CURRENT, {"now": now}).mappings()}


# One that ran out makes room for the next one.
END_THOSE_OVER = text("""
    UPDATE job_pause SET ended_at = until, ended_by = 'time' WHERE job = :job AND ended_at IS NULL AND until <= :now
""")
PAUSE = text("""
    INSERT INTO job_pause (job, reason, paused_at, paused_by, until) VALUES (:job, :reason, :now, :actor, :until)
    ON CONFLICT (job) WHERE ended_at IS NULL DO NOTHING
    RETURNING id, job, reason, paused_at, paused_by, until
""")


def pause_job(
    conn: Connection, job: str, *, reason: str, until: datetime, actor: Actor, now: datetime
) -> Pause:
    """Keep the timetable from running a job before `until`; a person may still have it run.

    Refuses NotAllowed, NoPauseReason, NeverPaused, PauseTooLong, AlreadyPaused.
    """
    actor.must("run jobs")
    if not reason.strip():
        raise NoPauseReason
    if job in NEVER_PAUSED:
        raise NeverPaused(job=job)
    if not now < until <= now + LONGEST:
        raise PauseTooLong
    conn.execute(END_THOSE_OVER, {"job": job, "now": now})
    values = {"job": job, "reason": reason.strip(), "until": until, "actor": actor.name, "now": now}
    row = conn.execute(PAUSE, values).mappings().one_or_none()
    if row is None:
        standing = current_pauses(conn, now=now).get(job)
        who = "somebody" if standing is None else standing.paused_by.removeprefix("user:")
        raise AlreadyPaused(job=job, who=who)
    pause = Pause(**row)
    audit.record(
        conn, "job.paused", subject="job_pause", ids=[pause.id], actor=actor, now=now,
        details={"job": job, "reason": pause.reason, "until": until.isoformat()},
    )  # fmt: skip
    return pause


RESUME = text("""
    UPDATE job_pause SET ended_at = :now, ended_by = :actor
     WHERE job = :job AND ended_at IS NULL AND until > :now AND (CAST(:id AS bigint) IS NULL OR id = :id) RETURNING id
""")
WAKE = text("SELECT pg_notify('paydesk_job', :job)")


def resume_job(
    conn: Connection, job: str, *, pause_id: int | None = None, actor: Actor, now: datetime
) -> None:
    """End a job's pause before its time: what it missed is done at once; without `pause_id` whichever pause holds.

    Refuses NotAllowed, NotPaused, and PausedAnew when another pause than this one holds.
    """
    actor.must("run jobs")
    values = {"job": job, "id": pause_id, "actor": actor.name, "now": now}
    ended = conn.execute(RESUME, values).scalar_one_or_none()
    if ended is None:
        standing = current_pauses(conn, now=now).get(job)
        if standing is None:
            raise NotPaused(job=job)
        raise PausedAnew(job=job, who=standing.paused_by.removeprefix("user:"))
    conn.execute(WAKE, {"job": job})
    audit.record(
        conn, "job.resumed", subject="job_pause", ids=[ended], actor=actor, now=now, details={"job": job}
    )
