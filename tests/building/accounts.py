"""The rail in use, accounts as a provider showed them, and what their banks did."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import NOW, insert


def rail(conn: Connection, **different: object) -> None:
    """The rail of production, in test mode."""
    values: dict[str, object] = {
        "provider": "stripe",
        "methods": ["stripe", "stripe_instant"],
        "livemode": False,
        "since": NOW,
    }
    insert(conn, "rail_in_use", values | different)


def account_state(conn: Connection, **different: object) -> None:
    """An account that can be paid."""
    values: dict[str, object] = {
        "provider": "stripe",
        "account": "acct_1",
        "ready": True,
        "reasons": "[]",
        "whose": "partner",
        "due": [],
        "banks": b"b" * 32,
        "had_bank": True,
        "asked_at": NOW,
        "checked_at": NOW,
    }
    insert(conn, "account_state", values | different)


def arrival(conn: Connection, payout_id: int, **different: object) -> None:
    """A payout on its way to the bank."""
    values: dict[str, object] = {
        "payout_id": payout_id,
        "provider": "stripe",
        "account": "acct_1",
        "bank_ref": "po_bank",
        "step": 0,
        "asked_for": False,
        "made_at": NOW,
        "status": "in_transit",
        "as_of": NOW,
    }
    insert(conn, "bank_arrival", values | different)
