"""What customers paid at the provider, and what of it went back."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import NOW, change, insert, insert_returning_id


def payment(conn: Connection, **different: object) -> int:
    """A payment of 70.00 that names no partner and waits."""
    values: dict[str, object] = {
        "provider": "stripe",
        "payment_ref": "pi_1",
        "source_ref": "booking 1",
        "amount_minor": 70_00,
        "currency": "EUR",
        "occurred_at": NOW,
        "state": "waiting",
        "why": "no_partner",
        "seen_at": NOW,
    }
    return insert_returning_id(conn, "payment", values | different)


def set_aside(conn: Connection, payment_id: int, **different: object) -> None:
    """Set a payment aside as ann does."""
    values: dict[str, object] = {
        "state": "set_aside",
        "decided_at": NOW,
        "decided_by": "user:ann",
        "reason": "a gift voucher, nobody's sale",
    }
    change(conn, "payment", values | different, "id = :id", id=payment_id)


def payment_refund(conn: Connection, payment_id: int, **different: object) -> None:
    """A refund of 20.00 of a payment."""
    values: dict[str, object] = {
        "provider": "stripe",
        "ref": "re_1",
        "payment_id": payment_id,
        "kind": "refund",
        "amount_minor": 20_00,
        "status": "succeeded",
        "state": "gone",
        "under_way": False,
        "at": NOW,
        "changed_at": NOW,
    }
    insert(conn, "payment_refund", values | different)
