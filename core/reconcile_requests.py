"""Reconciliations that somebody asked for: a page never asks the provider, the scheduler does, and says how it went."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor


class Request(NamedTuple):
    """One request: when and by whom, and how far it is; `fault` says why the comparison did not come to its end."""

    id: int
    asked_at: datetime
    asked_by: str
    began_at: datetime | None = None
    ended_at: datetime | None = None
    fault: str | None = None


ASK = text("""
    INSERT INTO reconcile_request (asked_at, asked_by) VALUES (:now, :actor)
    ON CONFLICT ((true)) WHERE ended_at IS NULL DO NOTHING
    RETURNING id
""")
WAKE = text("SELECT pg_notify('paydesk_reconcile', '')")
LAST = text(
    "SELECT id, asked_at, asked_by, began_at, ended_at, fault FROM reconcile_request ORDER BY id DESC LIMIT 1"
)


def ask_for_reconciliation(conn: Connection, *, actor: Actor, now: datetime) -> Request:
    """Ask the scheduler to compare the books at once; return the request that stands: this one, or the one before.

    Refuses NotAllowed; a job that found something may ask too.
    """
    actor.must("compare books")
    while (made := conn.execute(ASK, {"now": now, "actor": actor.name}).scalar()) is None:
        standing = last_request(conn)
        if (
            standing is not None and standing.ended_at is None
        ):  # else it ended in between, and this one is wanted
            return standing
    conn.execute(WAKE)
    audit.record(
        conn, "reconciliation.asked", subject="reconcile_request", ids=[made], actor=actor, now=now
    )  # fmt: skip
    return Request(id=made, asked_at=now, asked_by=actor.name)


def last_request(conn: Connection) -> Request | None:
    """Return the newest request, whatever became of it."""
    row = conn.execute(LAST).one_or_none()
    return None if row is None else Request(*row)


WAITS = text("SELECT EXISTS (SELECT 1 FROM reconcile_request WHERE ended_at IS NULL)")
BEGIN = text("UPDATE reconcile_request SET began_at = :now WHERE ended_at IS NULL RETURNING id")
END = text("UPDATE reconcile_request SET ended_at = :now, fault = :fault WHERE id = :id AND ended_at IS NULL")


def request_waits(conn: Connection) -> bool:
    """Tell whether somebody waits for a comparison; one whose process died waits again."""
    return bool(conn.execute(WAITS).scalar_one())


def begin_request(conn: Connection, *, now: datetime) -> int | None:
    """Say that the comparison asked for begins; return the request's id, or None when nobody asked."""
    begun: int | None = conn.execute(BEGIN, {"now": now}).scalar_one_or_none()
    return begun


def end_request(conn: Connection, request_id: int, *, now: datetime, fault: str | None = None) -> None:
    """Say how the comparison that somebody asked for ended."""
    conn.execute(END, {"id": request_id, "now": now, "fault": fault})
