"""Something went wrong at the desk: told when it begins, once for as long as it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT

ALERT = text("SELECT name, figures, began_at, ended_at FROM alert WHERE id = :alert_id")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the alert's name, its figures as it began (`limit` and `found`, where it has them), and when it ended."""
    row = conn.execute(ALERT, about).one()
    return {
        "alert": row.name,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
        "found": row.figures.get("found"),
        "limit": row.figures.get("limit"),
    }


KIND = Kind(
    title="Alert",
    audience="operators",
    facts=facts,
    sample={"alert": "failure_rate", "began_at": AT, "ended_at": None, "found": 7.5, "limit": 5},
)
