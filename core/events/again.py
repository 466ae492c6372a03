"""Tries events again that got stuck, once a person has mended what was in the way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.events.inbox import wake
from core.refusals import Refusal


class NoReasonToTry(Refusal):
    """Say why they can be applied now: the reason is kept in the audit."""

    code = "no_reason"


class NothingStuck(Refusal):
    """No event of the provider's is stuck any more."""

    code = "nothing_stuck"


AGAIN = text("""
    UPDATE provider_event SET state = 'waiting', next_try_at = :now, ended_at = NULL
     WHERE (provider, ref) IN (SELECT provider, ref FROM provider_event WHERE state = 'stuck' ORDER BY ref FOR UPDATE)
    RETURNING ref
""")
REFS_KEPT = 100


def try_again(conn: Connection, *, reason: str, actor: Actor, now: datetime) -> int:
    """Let every stuck event wait for another try now, and return how many those are.

    Refuses NotAllowed, NoReasonToTry and NothingStuck. What cannot be applied still gets stuck again at its next try.
    """
    actor.must("run jobs")
    if not reason.strip():
        raise NoReasonToTry
    refs = sorted(conn.execute(AGAIN, {"now": now}).scalars())
    if not refs:
        raise NothingStuck
    wake(conn)
    details = {"reason": reason.strip(), "count": len(refs), "refs": refs[:REFS_KEPT]}
    audit.record(conn, "events.tried_again", subject="job", ids=[], actor=actor, now=now, details=details)
    return len(refs)
