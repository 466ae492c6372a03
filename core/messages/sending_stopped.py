"""All sending was stopped: who did it, why, and whether it still is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT

STOPPED = text("""
    SELECT stopped_at, stopped_by, why, started_at FROM sending_stop WHERE id = :stop_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return since when sending is stopped, by whom and why, and when it went on."""
    stop = conn.execute(STOPPED, about).one()
    by = str(stop.stopped_by)
    who = by.removeprefix("user:") if by.startswith("user:") else None
    return {"stopped_at": stop.stopped_at, "who": who, "why": stop.why, "started_at": stop.started_at}


KIND = Kind(
    title="Sending stopped",
    audience="finance",
    facts=facts,
    sample={"stopped_at": AT, "who": "ada", "why": "Two transfers look wrong", "started_at": None},
)
