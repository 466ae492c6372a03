"""What the team was alerted of and still stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An alert by the name of its rule, and since when it stands."""

    name: str
    began_at: datetime


OPEN = text("SELECT name, began_at FROM alert WHERE ended_at IS NULL ORDER BY began_at, id")


def standing_alerts(conn: Connection) -> list[Standing]:
    """Return the alerts that stand, the oldest first."""
    return [Standing(**row) for row in conn.execute(OPEN).mappings()]
