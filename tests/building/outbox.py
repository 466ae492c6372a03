"""Messages that wait, were tried, or ended."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import NOW, change, insert_returning_id, number

LEASE = "2026-03-02 09:03+00"
STATES: dict[str, dict[str, object]] = {
    "waiting": {"state": "waiting", "next_try_at": NOW, "lease_until": None},
    "sending": {
        "state": "sending",
        "next_try_at": None,
        "lease_epoch": 1,
        "tries": 1,
        "lease_until": LEASE,
    },
    "sent": {"state": "sent", "next_try_at": None, "lease_until": None, "sent_at": NOW, "error": None},
    "failed": {"state": "failed", "next_try_at": None, "lease_until": None, "error": "550 unknown"},
    "unclear": {"state": "unclear", "next_try_at": None, "lease_until": None, "error": "no answer came"},
    "dropped": {"state": "dropped", "next_try_at": None, "lease_until": None, "error": "no email"},
}


def message(conn: Connection, **different: object) -> int:
    """A message to the finance team that waits."""
    values: dict[str, object] = {
        "kind": "sending_stopped",
        "about": '{"stop_id": 1}',
        "once": f"sending_stopped:{next(number)}",
        "made_by": "user:ann",
        "made_at": NOW,
        "waiting_since": NOW,
        "next_try_at": NOW,
    }
    return insert_returning_id(conn, "message", values | different)


def move(conn: Connection, message_id: int, state: str, /, **different: object) -> None:
    """Change a message's state, whether or not it may."""
    change(conn, "message", STATES[state] | different, "id = :id", id=message_id)


def message_in(conn: Connection, state: str, **different: object) -> int:
    """A message that came to this state by the way the desk takes."""
    message_id = message(conn, **different)
    if state not in {"waiting", "dropped"}:
        move(conn, message_id, "sending")
    if state not in {"waiting", "sending"}:
        move(conn, message_id, state)
    return message_id


def delivery(conn: Connection, message_id: int, **different: object) -> int:
    """A try that came to a good end."""
    values: dict[str, object] = {
        "message_id": message_id,
        "at": NOW,
        "actor": "job:notify",
        "outcome": "sent",
        "words": "250 taken",
    }
    return insert_returning_id(conn, "delivery", values | different)
