"""Proposals of one person, decided by another, and stops of all sending."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.building.rows import DAY, NOW, change, insert_returning_id


def proposal(conn: Connection, **different: object) -> int:
    """A proposal of mia's that waits for another person until tomorrow."""
    values: dict[str, object] = {
        "kind": "start_sending",
        "subject": "sending_stop",
        "ids": [1],
        "content": "{}",
        "why": "all is well again",
        "made_by": "user:mia",
        "made_at": NOW,
        "expires_at": NOW + DAY,
    }
    return insert_returning_id(conn, "proposal", values | different)


def decide_proposal(
    conn: Connection, proposal_id: int, decision: str = "confirm", by: str = "user:ann", **different: object
) -> None:
    """Decide on a proposal; what it asks for is not done."""
    values: dict[str, object] = {
        "decision": decision,
        "decided_by": by,
        "decided_at": NOW,
        "decide_note": "seen",
    }
    change(conn, "proposal", values | different, "id = :id", id=proposal_id)


def stop(conn: Connection, **different: object) -> int:
    """A stop of all sending by ola."""
    values: dict[str, object] = {
        "stopped_at": NOW,
        "stopped_by": "user:ola",
        "why": "two transfers look wrong",
    }
    return insert_returning_id(conn, "sending_stop", values | different)


def start(conn: Connection, stop_id: int, proposal_id: int, by: str = "user:ann") -> None:
    """End a stop by a proposal."""
    ended = {"started_at": NOW, "started_by": by, "proposal_id": proposal_id}
    change(conn, "sending_stop", ended, "id = :id", id=stop_id)


def agree_absent(conn: Connection, payout_id: int, n: int) -> None:
    """Two people agree that an attempt moved nothing."""
    content = f'{{"attempt": {n}}}'
    agreed = proposal(conn, kind="proved_absent", subject="payout", ids=[payout_id], content=content)
    decide_proposal(conn, agreed)
