"""People's decisions on payouts, and approving them; ending and steering them stand beside.

Every decision works on a list and answers for each id: done, waiting for another person, or refused by name. It locks
the partners, then the payouts, reads both again, and lets the statement's own condition decide: of two people, one wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor, NotAllowed
from core.guards import STOPS_APPROVAL, blocking_reasons
from core.ledger import lock_partners
from core.refusals import Refusal


class UnknownPayout(Refusal):
    """There is no payout {id}."""

    code = "unknown_payout"


class WrongStatus(Refusal):
    """Payout {id} is {status}; this takes one that is {wanted}."""

    code = "wrong_status"


class Final(Refusal):
    """Payout {id} has failed for good and is never sent again: mend the cause, and a new payout is queued."""

    code = "final"


class ChangedSince(Refusal):
    """Payout {id} has changed since you looked at it; look again before you decide."""

    code = "changed_since"


class OwnPayout(Refusal):
    """You had a part in making payout {id}, so another person decides on it."""

    code = "own_payout"


class AlreadyApproved(Refusal):
    """You have already approved payout {id}; it waits for another person."""

    code = "already_approved"


class Blocked(Refusal):
    """{sentence}."""

    code = "on_hold"


class NoReason(Refusal):
    """Say why: the reason is kept with the payout."""

    code = "no_reason"


class NothingWhole(Refusal):
    """Nothing was decided: {refused} of {asked} payouts were refused, and you asked for all or none."""

    code = "nothing_decided"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One payout to decide on, at the version a person saw; None when no screen was involved."""

    id: int
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One payout a decision did not touch, and why."""

    id: int
    code: str
    sentence: str


@dataclass(kw_only=True)
class Decision:
    """The answer for every payout asked for: ids that are done, that wait for another person, and refusals."""

    done: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, payout_id: int, refusal: Refusal, *, code: str | None = None) -> None:
        """Note one refusal."""
        self.refused.append(Refused(id=payout_id, code=code or refusal.code, sentence=refusal.sentence))


PayoutRow = Row[tuple[int, int, str, int]]

PARTNERS_OF = text("SELECT DISTINCT partner_id FROM payout WHERE id = ANY(:ids)")
LOCK_PAYOUTS = text("""
    SELECT id, partner_id, status, version FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
""")


def decide(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    right: str,
    statuses: frozenset[str],
    actor: Actor,
) -> tuple[Decision, list[PayoutRow]]:
    """Lock what is wanted and sort out what cannot be decided; return the answer so far and the rows still in play.

    Refused by name: no right, an unknown id, a version that is not the one seen, a status outside `statuses`.
    """
    decision = Decision()
    if not actor.may(right):
        for one in wanted:
            try:
                actor.must(right)
            except NotAllowed as refusal:
                decision.refuse(one.id, refusal)
        return decision, []
    ids = sorted({one.id for one in wanted})
    lock_partners(conn, list(conn.execute(PARTNERS_OF, {"ids": ids}).scalars()))
    rows = {row.id: row for row in conn.execute(LOCK_PAYOUTS, {"ids": ids})}
    in_play = []
    for one in {one.id: one for one in wanted}.values():
        row = rows.get(one.id)
        if row is None:
            decision.refuse(one.id, UnknownPayout(id=one.id))
        elif one.version is not None and one.version != row.version:
            decision.refuse(one.id, ChangedSince(id=one.id))
        elif row.status == "failed" and row.status not in statuses:
            decision.refuse(one.id, Final(id=one.id))
        elif row.status not in statuses:
            words = " or ".join(sorted(statuses))
            decision.refuse(one.id, WrongStatus(id=one.id, status=row.status, wanted=words))
        else:
            in_play.append(row)
    return decision, in_play


def all_or_none(decision: Decision, asked: int) -> None:
    """Refuse the whole decision when any part of it was refused; the caller's transaction rolls back."""
    if decision.refused:
        raise NothingWhole(refused=len(decision.refused), asked=asked)


MINE = text("SELECT id FROM unnest(CAST(:ids AS bigint[])) AS id WHERE :actor IN (SELECT payout_makers(id))")
APPROVED_BY_ME = text("""
    SELECT payout_id FROM approval
     WHERE payout_id = ANY(:ids) AND actor = :actor AND decision = 'approve'
       AND content_hash = payout_content_hash(payout_id)
""")
ADD_APPROVALS = text("""
    INSERT INTO approval (payout_id, content_hash, actor, decision, reason, at)
    SELECT id, payout_content_hash(id), :actor, :decision, :reason, :now
      FROM unnest(CAST(:ids AS bigint[])) AS id ORDER BY id
""")
APPROVE = text("""
    UPDATE payout SET status = 'approved', decided_at = :now
     WHERE id = ANY(:ids) AND status = 'pending'
       AND approvals_needed <= (SELECT count(DISTINCT actor) FROM approval a
                                 WHERE a.payout_id = payout.id AND a.decision = 'approve'
                                   AND a.content_hash = payout_content_hash(payout.id))
    RETURNING id
""")


def approve_payouts(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Approve pending payouts, so that the sender may take them once enough people have approved this content.

    Refused by name: a maker of the payout, a second approval by the same person, a hold, a suspended partner, a
    destination that is not the one it was made for, a payout taken out of the review. `whole` refuses all for one.
    """
    decision, rows = decide(
        conn, wanted, right="approve payouts", statuses=frozenset({"pending"}), actor=actor
    )
    ids = [row.id for row in rows]
    mine = set(conn.execute(MINE, {"ids": ids, "actor": actor.name}).scalars())
    repeated = set(conn.execute(APPROVED_BY_ME, {"ids": ids, "actor": actor.name}).scalars())
    blocking = blocking_reasons(conn, ids, now=now)
    free = []
    for payout_id in ids:
        stop = next((reason for reason in blocking[payout_id] if reason.code in STOPS_APPROVAL), None)
        if payout_id in mine:
            decision.refuse(payout_id, OwnPayout(id=payout_id))
        elif payout_id in repeated:
            decision.refuse(payout_id, AlreadyApproved(id=payout_id))
        elif stop is not None:
            decision.refuse(payout_id, Blocked(sentence=stop.sentence), code=stop.code)
        else:
            free.append(payout_id)
    if whole:
        all_or_none(decision, len(wanted))
    if free:
        values = {
            "ids": free,
            "actor": actor.name,
            "decision": "approve",
            "reason": reason or None,
            "now": now,
        }
        conn.execute(ADD_APPROVALS, values)
        decision.done = sorted(conn.execute(APPROVE, values).scalars())
        decision.waiting = sorted(set(free) - set(decision.done))
        details = {"reason": reason, "approved": decision.done, "waiting": decision.waiting}
        audit.record(
            conn, "payout.approved", subject="payout", ids=free, actor=actor, now=now, details=details
        )
    return decision
