"""What a person asks of the scheduler: a run of a job, and a pause."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import DAY, NOW, insert_returning_id


def job_order(conn: Connection, **different: object) -> int:
    """A run of `release` that ola asked for."""
    values: dict[str, object] = {
        "job": "release",
        "dry_run": False,
        "asked_at": NOW,
        "asked_by": "user:ola",
    }
    return insert_returning_id(conn, "job_order", values | different)


def job_pause(conn: Connection, **different: object) -> int:
    """A pause of `release` for a day, by ola."""
    values: dict[str, object] = {
        "job": "release",
        "reason": "the books are looked at",
        "paused_at": NOW,
        "paused_by": "user:ola",
        "until": NOW + DAY,
    }
    return insert_returning_id(conn, "job_pause", values | different)
