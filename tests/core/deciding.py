"""Payouts brought to any status, and decisions on them that are refused."""

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


def bring_to(conn: Connection, payout: int, status: str) -> None:
    """Take a pending payout to any status, the way it goes."""
    if status == "pending":
        return
    if status in {"rejected", "cancelled"}:
        b.end(conn, payout, status)
        return
    b.approve(conn, payout)
    if status != "approved":
        b.claim(conn, payout)
    if status == "paid":
        b.pay(conn, payout)
    if status == "retrying":
        b.end_attempt(conn, payout, "declined")
        b.set_status(conn, payout, "retrying", retry_at=b.NOW)
    if status == "failed":
        b.end_attempt(conn, payout, "declined")
        b.end(conn, payout, "failed")
