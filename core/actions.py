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


OUTCOME = text("SELECT outcome FROM action WHERE id = :token AND name = :name AND actor = :actor")


def outcome_of(conn: Connection, token: UUID, name: str, *, actor: str) -> dict[str, Any] | None:
    """Return what the click that decided `name` brought about; None when there was no such click of this person, whose
    name is written as in history.
    """
    values = {"token": token, "name": name, "actor": actor}
    found: dict[str, Any] | None = conn.execute(OUTCOME, values).scalar_one_or_none()
    return found
