"""One payout and one decision on it that is refused."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from core.access import Actor
from core.decisions import Decision, Wanted
from tests import builders as b
from tests.db.law import state
from tests.desk import ADA

Decide = Callable[..., Decision]


def refusal(conn: Connection, decide: Decide, wanted: Wanted, *, actor: Actor = ADA) -> str:
    """The code one payout is refused with, after proving that nothing at all was written."""
    before = state(conn)
    decision = decide(conn, [wanted], actor=actor, now=b.NOW, reason="because")
    assert (decision.done, decision.waiting, state(conn)) == ([], [], before)
    (refused,) = decision.refused
    assert (refused.id, bool(refused.sentence)) == (wanted.id, True)
    return refused.code
