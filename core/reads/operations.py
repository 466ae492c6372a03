"""What runs, what ran, and what is stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, or_, select, text

from core.reads.frames import to_frame
from core.reads.shown import mask
from core.reads.tables import payout
from core.reads.timed import rests
from core.reads.views import blocked, not_served

BEAT_IS_OLD_S = 30.0  # it beats every 5 s
STUCK_AFTER_MIN = 15


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The scheduler's last sign of life by the database's clock; `age_s` in seconds, None: never seen."""

    beat_at: datetime | None
    age_s: float | None
    alive: bool
    note: str


BEAT = text("""
    SELECT beat_at, extract(epoch FROM now() - beat_at)::float AS age_s, note FROM heartbeat WHERE job = 'scheduler'
""")


def scheduler_beat(conn: Connection) -> Beat:
    """Return whether the scheduler is alive: it has beaten within 30 s."""
    row = conn.execute(BEAT).one_or_none()
    if row is None:
        return Beat(beat_at=None, age_s=None, alive=False, note="")
    return Beat(beat_at=row.beat_at, age_s=row.age_s, alive=row.age_s <= BEAT_IS_OLD_S, note=row.note)


JOBS = text("""
    WITH known AS (
        SELECT job FROM heartbeat WHERE job <> 'scheduler'
         UNION SELECT job FROM job_run UNION SELECT unnest(CAST(:names AS text[])))
    SELECT k.job, r.slot AS last_slot, r.started_at, r.ended_at,
           floor(extract(epoch FROM r.ended_at - r.started_at) * 1000)::bigint AS duration_ms, r.ok, r.count, r.result,
           r.error, r.made_by, f.failures, h.beat_at, extract(epoch FROM now() - h.beat_at)::float AS age_s,
           h.started_at AS running_since
      FROM known k
      LEFT JOIN LATERAL (SELECT * FROM job_run WHERE job = k.job ORDER BY id DESC LIMIT 1) r ON true
     CROSS JOIN LATERAL (SELECT count(*) AS failures FROM job_run
                          WHERE job = k.job AND NOT ok AND started_at > CAST(:now AS timestamptz) - interval '24 hours') f
      LEFT JOIN heartbeat h ON h.job = k.job
     ORDER BY k.job
""")


def jobs(conn: Connection, *, now: datetime, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return every job of `names` or history with its last run, failures of the last 24 h and heartbeat.

    An idle run leaves a beat and no row, so the last sign of life is the later of both; next runs are the timetable's.
    """
    return to_frame(conn.execute(JOBS, {"now": now, "names": list(names)}))


JOB_RUNS = text("""
    SELECT id, job, slot, as_of, started_at, ended_at,
           floor(extract(epoch FROM ended_at - started_at) * 1000)::bigint AS duration_ms, ok, count, result, error, made_by
      FROM job_run WHERE CAST(:job AS text) IS NULL OR job = :job ORDER BY id DESC LIMIT :limit
""")


def job_runs(conn: Connection, *, job: str | None = None, limit: int = 50) -> pd.DataFrame:
    """Return the newest runs, of one job or of all."""
    return to_frame(conn.execute(JOB_RUNS, {"job": job, "limit": limit}))


JOB_RUN = text("""
    SELECT id, job, slot, as_of, started_at, ended_at,
           floor(extract(epoch FROM ended_at - started_at) * 1000)::bigint AS duration_ms, ok, count, result, error, made_by
      FROM job_run WHERE id = :id
""")


def job_run(conn: Connection, run_id: int) -> Row[Any] | None:
    """Return one run with all that it said; None: there is none of that number."""
    return conn.execute(JOB_RUN, {"id": run_id}).one_or_none()


# The same key may be sent again within 23 h of the first send; after that it is only looked up.
UNKNOWN = text("""
    SELECT a.payout_id, a.n, r.code AS partner_code, w.name AS partner_name, p.net_minor, p.currency, a.provider,
           a.state, a.code, a.message, a.started_at, a.first_sent_at, a.next_look_at, a.looks, a.absent_looks,
           a.absent_since, left(a.idem_key, 12) AS key_begins,
           CASE WHEN now() < a.first_sent_at + interval '23 hours' THEN 'same_key' ELSE 'looking' END AS step,
           greatest(0, extract(epoch FROM a.first_sent_at + interval '23 hours' - now()))::bigint AS same_key_left_s
      FROM attempt a JOIN payout p ON p.id = a.payout_id JOIN partner r ON r.id = p.partner_id
      JOIN identity w ON w.id = r.identity_id
     WHERE a.state = 'unknown' ORDER BY a.first_sent_at, a.payout_id
""")


def unknown_attempts(conn: Connection, *, masked: bool) -> pd.DataFrame:
    """Return the attempts without an answer, oldest first; `step` is same_key or looking, times by the database's clock."""
    frame = to_frame(conn.execute(UNKNOWN))
    return mask(frame, ("partner_name",)) if masked else frame


STUCK = text("""
    SELECT p.id, r.code AS partner_code, w.name AS partner_name, p.status, p.method, p.net_minor, p.currency,
           stuck.why, stuck.since, floor(extract(epoch FROM :now - stuck.since))::bigint AS seconds
      FROM payout p JOIN partner r ON r.id = p.partner_id JOIN identity w ON w.id = r.identity_id
      LEFT JOIN attempt a ON a.payout_id = p.id AND a.state IN ('started', 'unknown')
     CROSS JOIN LATERAL (SELECT CASE
               WHEN a.provider = 'file' THEN NULL
               WHEN p.status = 'processing' AND a.payout_id IS NULL THEN 'no_attempt'
               WHEN p.status = 'processing' AND a.state = 'started' THEN 'no_answer_recorded'
               WHEN p.status = 'approved' THEN 'not_sent'
               WHEN p.status = 'retrying' THEN 'not_retried' END AS why,
               CASE p.status WHEN 'processing' THEN coalesce(a.started_at, p.decided_at, p.queued_at)
                             WHEN 'retrying' THEN p.retry_at
                             ELSE coalesce(p.leaves_at, p.decided_at, p.queued_at) END AS since) stuck
     WHERE p.status IN ('approved', 'processing', 'retrying') AND stuck.why IS NOT NULL AND p.id <> ALL(:blocked)
       AND stuck.since < CAST(:now AS timestamptz) - make_interval(mins => :after_minutes)
     ORDER BY stuck.since, p.id LIMIT :limit
""")


def stuck_payouts(
    conn: Connection, *, now: datetime, masked: bool, after_minutes: int = STUCK_AFTER_MIN, limit: int = 200
) -> pd.DataFrame:
    """Return payouts that should have moved on by now, oldest first, with why: not_sent, not_retried,
    no_answer_recorded, no_attempt. An unknown outcome is no such case; it has its own list, and so has what is blocked.
    Nor is what waits for its delay or its program's hours, or did so until just now, nor what people pay by file.
    """
    before = now - timedelta(minutes=after_minutes)
    resting = or_(rests(conn, now=now), rests(conn, now=before))
    unsent = payout.c.status.in_(("approved", "retrying"))
    waits = select(payout.c.id).where(unsent, or_(blocked(now=now), not_served(), resting))
    asked = {
        "now": now,
        "after_minutes": after_minutes,
        "limit": limit,
        "blocked": list(conn.execute(waits).scalars()),
    }
    found = to_frame(conn.execute(STUCK, asked))
    return mask(found, ("partner_name",)) if masked else found
