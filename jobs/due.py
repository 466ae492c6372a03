"""What the timetable owes: slots come from the rows of past runs, so a missed night is caught up in its order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from jobs.job import Job

# A job that hangs holds back those after it for so long, and then no longer.
PATIENCE = timedelta(minutes=15)

READ_SLOTS = text("""
    SELECT job, max(slot) FILTER (WHERE ok) AS served, max(slot) AS tried
      FROM job_run WHERE job = ANY(:names) AND slot IS NOT NULL GROUP BY job
""")
# A paused one does not hold back those after it either.
HOLDS_NOBODY_BACK = text("""
    SELECT job FROM heartbeat WHERE job = ANY(:names) AND started_at < now() - :patience
     UNION SELECT job FROM job_pause WHERE job = ANY(:names) AND ended_at IS NULL AND until > :now
""")


def due_slot(conn: Connection, job: Job, jobs: Mapping[str, Job], *, now: datetime) -> datetime | None:
    """Return the slot a job should serve now: its latest, unless it is served or an earlier job of the night is not done.

    Several missed slots are one: each run does everything that is due at its instant. A failed run was a try: it does
    not hold back the jobs after it, and is tried again itself.
    """
    if job.slots is None:
        return None
    slot = job.slots.latest(now)
    rows = {row.job: row for row in conn.execute(READ_SLOTS, {"names": [job.name, *job.after]})}
    own = rows.get(job.name)
    if own is not None and own.served is not None and own.served >= slot:
        return None
    waits_for = [
        before
        for name in job.after
        if (before := jobs.get(name)) is not None
        and before.slots is not None
        and (name not in rows or rows[name].tried < before.slots.latest(slot))
    ]
    if waits_for:
        names = [before.name for before in waits_for]
        asked = {"names": names, "patience": PATIENCE, "now": now}
        if set(conn.execute(HOLDS_NOBODY_BACK, asked).scalars()) < set(names):
            return None
    return slot
