"""Steering payouts without making them: take back, retry now, send first, order, set aside, bring back.

None of these changes an amount, a destination or a hold, so whoever steers a payout may still approve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, TextClause, text

from core import audit
from core.access import Actor
from core.decisions import Decision, NoReason, Wanted, all_or_none, decide
from core.refusals import Refusal


class NotAhead(Refusal):
    """Choose a day after today; {day} is not."""

    code = "not_ahead"


# A new review has another content hash: the approvals taken back do not count in it.
TAKE_BACK = text("""
    UPDATE payout SET status = 'pending', decided_at = NULL, review = review + 1
     WHERE id = ANY(:ids) AND status = 'approved' RETURNING id
""")


def take_back_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Take approvals back while nothing has been claimed: the payouts wait for a person again.

    What was approved stays in the history but counts no more: the payout is reviewed anew.
    """
    return _steer(
        conn, wanted, TAKE_BACK, "payout.taken_back", right="approve payouts", statuses={"approved"},
        actor=actor, now=now, whole=whole, details={"reason": reason},
    )  # fmt: skip


RETRY_NOW = text(
    "UPDATE payout SET retry_at = :now WHERE id = ANY(:ids) AND status = 'retrying' RETURNING id"
)


def retry_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Make retrying payouts due now, within their ladder's count; a failed one is refused as final."""
    return _steer(
        conn, wanted, RETRY_NOW, "payout.retried", right="steer payouts", statuses={"retrying"},
        actor=actor, now=now, whole=whole, details={"reason": reason},
    )  # fmt: skip


PROCESS = text("""
    UPDATE payout SET priority = CASE priority WHEN 'urgent' THEN 'urgent' ELSE 'high' END,
                      retry_at = CASE status WHEN 'retrying' THEN CAST(:now AS timestamptz) END
     WHERE id = ANY(:ids) AND status IN ('approved', 'retrying') RETURNING id
""")


def process_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Send approved payouts first, and retrying ones now."""
    return _steer(
        conn, wanted, PROCESS, "payout.processed_first", right="steer payouts", statuses={"approved", "retrying"},
        actor=actor, now=now, whole=whole, details={"reason": reason},
    )  # fmt: skip


SET_PRIORITY = text("UPDATE payout SET priority = :priority WHERE id = ANY(:ids) RETURNING id")


def set_priority(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    priority: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Order payouts that have not left: `low`, `normal`, `high` or `urgent` (any other is refused by the table).

    `reason` goes to the trail: what was proposed, where the proposal was taken over.
    """
    details: dict[str, object] = {"priority": priority}
    if reason:
        details["reason"] = reason
    return _steer(
        conn, wanted, SET_PRIORITY, "payout.ordered", right="steer payouts", statuses={"pending", "approved", "retrying"},
        actor=actor, now=now, whole=whole, details=details, values={"priority": priority},
    )  # fmt: skip


SET_ASIDE = text("""
    UPDATE payout SET aside_until = :until, aside_reason = :reason, aside_by = :actor
     WHERE id = ANY(:ids) AND status = 'pending' RETURNING id
""")


def set_aside(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    until: date,
    reason: str,
    actor: Actor,
    now: datetime,
    whole: bool = False,
) -> Decision:
    """Take pending payouts out of the review until a day (UTC), with the reason. Refuses an empty reason, a day gone by."""
    if not reason.strip():
        raise NoReason
    if until <= now.date():
        raise NotAhead(day=until.isoformat())
    return _steer(
        conn, wanted, SET_ASIDE, "payout.set_aside", right="steer payouts", statuses={"pending"},
        actor=actor, now=now, whole=whole, details={"until": until, "reason": reason.strip()},
        values={"until": until, "reason": reason.strip(), "actor": actor.name},
    )  # fmt: skip


BRING_BACK = text("""
    UPDATE payout SET aside_until = NULL, aside_reason = NULL, aside_by = NULL
     WHERE id = ANY(:ids) AND status = 'pending' AND aside_until IS NOT NULL RETURNING id
""")


def bring_back(
    conn: Connection, wanted: Sequence[Wanted], *, actor: Actor, now: datetime, whole: bool = False
) -> Decision:
    """Put payouts that were taken out back into the review."""
    return _steer(
        conn, wanted, BRING_BACK, "payout.brought_back", right="steer payouts", statuses={"pending"},
        actor=actor, now=now, whole=whole, details={},
    )  # fmt: skip


def _steer(
    conn: Connection,
    wanted: Sequence[Wanted],
    statement: TextClause,
    action: str,
    *,
    right: str,
    statuses: set[str],
    actor: Actor,
    now: datetime,
    whole: bool,
    details: dict[str, object],
    values: dict[str, object] | None = None,
) -> Decision:
    decision, rows = decide(conn, wanted, right=right, statuses=frozenset(statuses), actor=actor)
    if whole:
        all_or_none(decision, len(wanted))
    ids = [row.id for row in rows]
    if ids:
        decision.done = sorted(conn.execute(statement, {"ids": ids, "now": now} | (values or {})).scalars())
    if decision.done:
        audit.record(conn, action, subject="payout", ids=decision.done, actor=actor, now=now, details=details)
    return decision
