"""What the provider showed, runs that compared it with our books, and what they found."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from tests.building.rows import DAY, NOW, change, insert, insert_returning_id


def shown(conn: Connection, **different: object) -> None:
    """A transfer of 77.00 as a provider showed it."""
    values: dict[str, object] = {
        "provider": "simulator",
        "provider_ref": "po_hand",
        "transfer_group": "summer party",
        "amount_minor": 77_00,
        "currency": "USD",
        "destination": "acct_1",
        "reversed_minor": 0,
        "created_at": NOW,
        "seen_at": NOW,
    }
    insert(conn, "provider_transfer", values | different)


def reconciliation(conn: Connection, **different: object) -> int:
    """A run over the last day."""
    values = {"provider": "simulator", "since": NOW - DAY, "until": NOW, "transfers": 1}
    return insert_returning_id(conn, "reconciliation", values | different)


def difference(conn: Connection, different: Mapping[str, object] | None = None) -> int:
    """A transfer of 77.00 that nobody here made, found by a run of its own."""
    values: dict[str, object] = {
        "provider": "simulator",
        "kind": "missing_here",
        "thing": "po_hand",
        "provider_ref": "po_hand",
        "amount_minor": 77_00,
        "currency": "USD",
        "at": NOW,
        "figures": '{"theirs_minor": 7700}',
        "found_at": NOW,
    }
    given = dict(different or {})
    run_id = given.pop("run_id", None) or reconciliation(conn)
    return insert_returning_id(conn, "difference", values | {"run_id": run_id} | given)


def close_difference(conn: Connection, difference_id: int, **different: object) -> None:
    """Close a difference as ann does."""
    values: dict[str, object] = {
        "closed_at": NOW,
        "closed_by": "user:ann",
        "close_reason": "the landlord, by hand",
    }
    change(conn, "difference", values | different, "id = :id", id=difference_id)
