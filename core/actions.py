"""One row per click that decided something: a second click of the same button finds the first one's outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.access import Actor

# A click at the same moment waits here for the first one's end; if that was undone, it goes on in its place.
CLAIM = text("""
    INSERT INTO action (id, actor, name, at) VALUES (:token, :actor, :name, :now)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
""")


def claim_action(conn: Connection, token: UUID, name: str, *, actor: Actor, now: datetime) -> bool:
    """Take this click for the transaction at hand; False: it was decided before, see `outcome_of`."""
    values = {"token": token, "actor": actor.name, "name": name, "now": now}
    return conn.execute(CLAIM, values).first() is not None


CONCLUDE = text("UPDATE action SET outcome = CAST(:outcome AS jsonb) WHERE id = :token")


def conclude_action(conn: Connection, token: UUID, outcome: Mapping[str, Any]) -> None:
    """Keep what the click brought about, as JSON, in the transaction that did it."""
    conn.execute(CONCLUDE, {"token": token, "outcome": json.dumps(outcome)})


OUTCOME = text("SELECT outcome FROM action WHERE id = :token AND actor = :actor")


def outcome_of(conn: Connection, token: UUID, *, actor: Actor) -> dict[str, Any] | None:
    """Return what this person's click brought about; None when there was no such click of theirs."""
    found: dict[str, Any] | None = conn.execute(
        OUTCOME, {"token": token, "actor": actor.name}
    ).scalar_one_or_none()
    return found
