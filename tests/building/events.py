"""What a provider told of, and until when it was asked."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import DAY, NOW, change, insert, insert_returning_id


def told(conn: Connection, **different: object) -> None:
    """A transfer came back in part, and nobody has looked at it."""
    values: dict[str, object] = {
        "provider": "stripe",
        "ref": "evt_1",
        "kind": "transfer.reversed",
        "object_ref": "tr_1",
        "created_at": NOW - DAY,
        "received_at": NOW,
        "came_by": "webhook",
        "next_try_at": NOW,
    }
    insert(conn, "provider_event", values | different)


def end_event(conn: Connection, **different: object) -> None:
    """Apply the event, or end it as `different` says."""
    values: dict[str, object] = {
        "state": "applied",
        "tries": 1,
        "next_try_at": None,
        "ended_at": NOW,
        "outcome": "a return of 5.00 is booked",
    }
    change(conn, "provider_event", values | different, "ref = 'evt_1'")


def gap(conn: Connection, **different: object) -> int:
    """A day that the provider's list no longer goes back to."""
    values = {"provider": "stripe", "since": NOW - DAY, "until": NOW, "found_at": NOW}
    return insert_returning_id(conn, "event_gap", values | different)
