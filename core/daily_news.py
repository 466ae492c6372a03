"""What the team is told once a day, and what it is reminded of."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, text

from core.messages.reminder import EXPIRES_WITHIN, waits_too_long
from core.outbox import tell

TOLD_AT = time(6, 30)  # UTC: after the night's jobs and the comparison of the books

TOLD = text("SELECT EXISTS (SELECT 1 FROM told_day WHERE what = :what AND day = :day)")
NOTE = text("INSERT INTO told_day (what, day, at) VALUES (:what, :day, :now) ON CONFLICT DO NOTHING")


def is_due(conn: Connection, what: str, *, now: datetime) -> bool:
    """Tell whether what is told once a day is still to be told today; before its time of day it is not."""
    if now.time() < TOLD_AT:
        return False
    return not conn.execute(TOLD, {"what": what, "day": now.date()}).scalar_one()


def note_told(conn: Connection, what: str, *, now: datetime) -> None:
    """Keep that it was told today."""
    conn.execute(NOTE, {"what": what, "day": now.date(), "now": now})


def tell_of_the_day(conn: Connection, *, made_by: str, now: datetime) -> int:
    """Tell finance of yesterday, once; return how many messages that makes."""
    if not is_due(conn, "daily_summary", now=now):
        return 0
    yesterday: date = now.date() - timedelta(days=1)
    about, once = {"day": yesterday.toordinal()}, yesterday.isoformat()
    told = tell(conn, "daily_summary", about=about, once=once, made_by=made_by, now=now)
    note_told(conn, "daily_summary", now=now)
    return int(told is not None)


NEWEST_EXPIRING = text("""
    SELECT max(id) FROM proposal WHERE decision IS NULL AND expires_at > :now AND expires_at <= :until
""")


def remind(conn: Connection, *, made_by: str, now: datetime) -> int:
    """Remind approvers of what waits too long: once a day, and of each proposal before it expires."""
    old = waits_too_long(conn, now=now)
    told: list[int | None] = []
    if (old["pending"] or old["unknown"]) and is_due(conn, "reminder", now=now):
        once = now.date().isoformat()
        told.append(tell(conn, "reminder", about={}, once=once, made_by=made_by, now=now))
        note_told(conn, "reminder", now=now)
    elif old["proposals"]:
        values = {"now": now, "until": now + EXPIRES_WITHIN}
        once = f"proposal:{conn.execute(NEWEST_EXPIRING, values).scalar_one()}"
        told.append(tell(conn, "reminder", about={}, once=once, made_by=made_by, now=now))
    return sum(message_id is not None for message_id in told)
