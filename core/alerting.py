"""Tells the team of what is going wrong: once when it begins, and not again until it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.outbox import tell

BEGIN = text("""
    INSERT INTO alert (name, figures, began_at)
    SELECT name, figures, :now
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (name text, figures jsonb) ORDER BY name
    ON CONFLICT (name) WHERE ended_at IS NULL DO NOTHING
    RETURNING id
""")
END = text("""
    UPDATE alert SET ended_at = :now WHERE ended_at IS NULL AND began_at <= :now AND name <> ALL(:names)
""")


def tell_of_alerts(
    conn: Connection, standing: Mapping[str, Mapping[str, float]], *, made_by: str, now: datetime
) -> int:
    """Begin and tell what stands by name and was not known, end what stands no more; return how many began.

    The figures are those of the beginning: `found` and `limit`, or none.
    """
    conn.execute(END, {"names": list(standing), "now": now})
    rows = [{"name": name, "figures": dict(figures)} for name, figures in standing.items()]
    begun = list(conn.execute(BEGIN, {"rows": json.dumps(rows), "now": now}).scalars())
    for alert_id in begun:
        tell(conn, "alert", about={"alert_id": alert_id}, once=str(alert_id), made_by=made_by, now=now)
    return len(begun)
