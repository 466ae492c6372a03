"""Payouts that end before they leave: rejected by whoever reviews them, or cancelled; their money is available again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.decisions import ADD_APPROVALS, Decision, NoReason, Wanted, all_or_none, decide
from core.messages.payout_rejected import REASONS, UNSAID
from core.taking import undo_payouts
from core.telling import tell_of_rejected

END = text("""
    UPDATE payout SET status = :status, decided_at = :now, reason_code = :reason_code, reason = :reason,
                      retry_at = NULL, retry_class = NULL
     WHERE id = ANY(:ids) AND status = ANY(:statuses)
    RETURNING id
""")


def reject_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
    told: str = UNSAID,
) -> Decision:
    """Reject pending payouts with a reason; their money is available again, and their partners are told.

    `told` is the reason the partners get, one of the letter's `REASONS`. Refuses an empty reason with NoReason.
    """
    if told not in REASONS:
        raise ValueError(f"{told} is no reason a partner is told")

    def keep_decision(ids: list[int]) -> None:
        values = {"ids": ids, "actor": actor.name, "decision": "reject", "reason": reason, "now": now}
        conn.execute(ADD_APPROVALS, values)

    return _end(
        conn,
        wanted,
        right="reject payouts",
        statuses=frozenset({"pending"}),
        status="rejected",
        actor=actor,
        now=now,
        reason=reason,
        whole=whole,
        before=keep_decision,
        reason_code=told,
    )


def cancel_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Cancel payouts of which nothing is under way; their money is available again. Refuses an empty reason."""
    return _end(
        conn,
        wanted,
        right="cancel payouts",
        statuses=frozenset({"pending", "approved", "retrying"}),
        status="cancelled",
        actor=actor,
        now=now,
        reason=reason,
        whole=whole,
    )


def _end(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    right: str,
    statuses: frozenset[str],
    status: str,
    actor: Actor,
    now: datetime,
    reason: str,
    whole: bool,
    before: Callable[[list[int]], None] | None = None,
    reason_code: str = UNSAID,
) -> Decision:
    if not reason.strip():
        raise NoReason
    decision, rows = decide(conn, wanted, right=right, statuses=statuses, actor=actor)
    if whole:
        all_or_none(decision, len(wanted))
    ids = [row.id for row in rows]
    if not ids:
        return decision
    if before is not None:
        before(ids)
    values = {"ids": ids, "statuses": list(statuses), "status": status, "reason": reason.strip(), "now": now}
    decision.done = sorted(conn.execute(END, values | {"reason_code": reason_code}).scalars())
    undo_payouts(conn, decision.done, now=now)
    if status == "rejected":
        tell_of_rejected(conn, decision.done, made_by=actor.name, now=now)
    details = {"reason": reason.strip()}
    audit.record(
        conn, f"payout.{status}", subject="payout", ids=decision.done, actor=actor, now=now, details=details
    )
    return decision
