"""Holds: a reason-coded block on a partner, a payout or an earning, and its end.

Only a hold on an earning moves money, and only while that earning is released and open; a hold on a partner or a
payout blocks queueing and sending. A hold pulls an earning's payout back as long as nothing has been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.ledger import Movement, lock_partners, post
from core.refusals import Refusal
from core.taking import undo_payouts

Reason = Literal[
    "new_partner",
    "destination_changed",
    "destination_failed",
    "dispute",
    "review",
    "ineligible",
    "manual",
    "kyc",
]
REASONS: frozenset[str] = frozenset(get_args(Reason))


class UnknownHold(Refusal):
    """There is no hold {hold_id}."""

    code = "unknown_hold"


class HoldEnded(Refusal):
    """Hold {hold_id} has already ended."""

    code = "hold_ended"


class UnknownHoldReason(Refusal):
    """{reason} is not a reason for a hold."""

    code = "unknown_hold_reason"


class HoldNeedsANote(Refusal):
    """Lifting a hold needs a reason."""

    code = "note_missing"


class HoldEndsInThePast(Refusal):
    """A hold until {until} would already have ended."""

    code = "until_passed"


class NothingToHold(Refusal):
    """There is no such partner, or the earning or payout is not this partner's."""

    code = "nothing_to_hold"


class AlreadyHeld(Refusal):
    """This is already on hold for {reason}."""

    code = "already_held"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold in force: on an earning, on a payout, or with neither id on the partner; `until` None is until lifted."""

    id: int
    partner_id: int
    earning_id: int | None
    payout_id: int | None
    reason: str
    note: str
    until: datetime | None
    made_by: str
    opened_at: datetime


IN_FORCE = text("""
    SELECT id, partner_id, earning_id, payout_id, reason, note, until, made_by, opened_at
      FROM hold
     WHERE partner_id = ANY(:partner_ids) AND closed_at IS NULL AND (until IS NULL OR until > :now)
     ORDER BY partner_id, id
""")


def open_holds(conn: Connection, partner_ids: Sequence[int], *, now: datetime) -> list[Hold]:
    """Return the holds in force on these partners, their earnings and their payouts, by partner and id."""
    rows = conn.execute(IN_FORCE, {"partner_ids": list(partner_ids), "now": now}).mappings()
    return [Hold(**row) for row in rows]


PARTS_ARE_THE_PARTNERS = text("""
    SELECT EXISTS (SELECT 1 FROM partner_balance WHERE partner_id = :partner_id)
       AND (CAST(:earning_id AS bigint) IS NULL
            OR EXISTS (SELECT 1 FROM earning WHERE id = :earning_id AND partner_id = :partner_id))
       AND (CAST(:payout_id AS bigint) IS NULL
            OR EXISTS (SELECT 1 FROM payout WHERE id = :payout_id AND partner_id = :partner_id))
""")
SAME_HOLD = text("""
    SELECT id FROM hold
     WHERE partner_id = :partner_id AND earning_id IS NOT DISTINCT FROM CAST(:earning_id AS bigint)
       AND payout_id IS NOT DISTINCT FROM CAST(:payout_id AS bigint)
       AND reason = :reason AND closed_at IS NULL AND (until IS NULL OR until > :now)
""")
ADD = text("""
    INSERT INTO hold (partner_id, earning_id, payout_id, reason, note, until, made_by, opened_at)
    VALUES (:partner_id, :earning_id, :payout_id, :reason, :note, :until, :made_by, :now)
    RETURNING id
""")
# An open earning; `released` tells whether its money stands in available (behind the mark and not on hold before).
FLIP = text("""
    UPDATE open_item o SET on_hold = :on_hold
      FROM partner_balance b, partner p, program g
     WHERE o.earning_id = :earning_id AND o.on_hold <> :on_hold
       AND b.partner_id = o.partner_id AND p.id = o.partner_id AND g.id = p.program_id
    RETURNING o.partner_id, o.amount_minor, g.currency, o.release_at <= b.released_to AS released
""")
PAYOUT_OF = text("""
    SELECT payout_id FROM payout_item WHERE earning_id = :earning_id AND live
""")


def place_hold(
    conn: Connection,
    partner_id: int,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
    until: datetime | None = None,
    note: str = "",
    earning_id: int | None = None,
    payout_id: int | None = None,
) -> int:
    """Put a partner, or one earning or payout of theirs, on hold and return the hold's id.

    Refuses NotAllowed, UnknownHoldReason, HoldEndsInThePast, NothingToHold, AlreadyHeld (same thing, same reason).
    """
    actor.must("hold money")
    if reason not in REASONS:
        raise UnknownHoldReason(reason=reason)
    if until is not None and until <= now:
        raise HoldEndsInThePast(until=f"{until:%Y-%m-%d %H:%M} UTC")
    if earning_id is not None and payout_id is not None:
        raise NothingToHold("A hold is on one thing: an earning or a payout.")
    lock_partners(conn, [partner_id])
    where = {"partner_id": partner_id, "earning_id": earning_id, "payout_id": payout_id}
    if not conn.execute(PARTS_ARE_THE_PARTNERS, where).scalar_one():
        raise NothingToHold
    if conn.execute(SAME_HOLD, where | {"reason": reason, "now": now}).first():
        raise AlreadyHeld(reason=reason.replace("_", " "))
    values = where | {"reason": reason, "note": note, "until": until, "made_by": actor.name, "now": now}
    hold_id = int(conn.execute(ADD, values).scalar_one())
    pulled: list[int] = []
    if earning_id is not None and not _move(conn, earning_id, on_hold=True, now=now):
        # In a payout, then: giving its money back puts this earning into the hold just written.
        ids = list(conn.execute(PAYOUT_OF, {"earning_id": earning_id}).scalars())
        sentence = f"An earning in it was put on hold ({reason.replace('_', ' ')})."
        pulled = pull_back_payouts(
            conn, ids, ("pending", "approved"), reason_code="earning_on_hold", reason=sentence, now=now
        )
    audit.record(
        conn,
        "hold.placed",
        subject="partner",
        ids=[partner_id],
        actor=actor,
        now=now,
        details={"hold_id": hold_id, "reason": reason, "until": until, "note": note, "pulled_back": pulled}
        | {"earning_id": earning_id, "payout_id": payout_id},
    )
    return hold_id


READ_HOLD = text("SELECT partner_id, earning_id, payout_id, reason, closed_at FROM hold WHERE id = :id")
CLOSE = text("""
    UPDATE hold SET closed_at = :now, closed_by = :closed_by, close_note = :note WHERE id = :id AND closed_at IS NULL
    RETURNING id
""")
STILL_HELD = text("""
    SELECT EXISTS (SELECT 1 FROM hold
                    WHERE partner_id = :partner_id AND earning_id = :earning_id
                      AND closed_at IS NULL AND (until IS NULL OR until > :now))
""")


def lift_hold(conn: Connection, hold_id: int, *, actor: Actor, now: datetime, note: str) -> None:
    """End a hold, with the reason in `note`; an earning's money comes back once no other hold on it is in force.

    Refuses NotAllowed, HoldNeedsANote, UnknownHold, HoldEnded.
    """
    actor.must("hold money")
    if not note.strip():
        raise HoldNeedsANote
    found = conn.execute(READ_HOLD, {"id": hold_id}).one_or_none()
    if found is None:
        raise UnknownHold(hold_id=hold_id)
    lock_partners(conn, [found.partner_id])
    closed = conn.execute(CLOSE, {"id": hold_id, "now": now, "closed_by": actor.name, "note": note.strip()})
    if closed.first() is None:
        raise HoldEnded(hold_id=hold_id)
    if found.earning_id is not None:
        where = {"partner_id": found.partner_id, "earning_id": found.earning_id, "now": now}
        if not conn.execute(STILL_HELD, where).scalar_one():
            _move(conn, found.earning_id, on_hold=False, now=now)
    audit.record(
        conn,
        "hold.lifted",
        subject="partner",
        ids=[found.partner_id],
        actor=actor,
        now=now,
        details={"hold_id": hold_id, "reason": found.reason, "note": note.strip()}
        | {"earning_id": found.earning_id, "payout_id": found.payout_id},
    )


IS_OPEN = text("SELECT EXISTS (SELECT 1 FROM open_item WHERE earning_id = :earning_id)")


def _move(conn: Connection, earning_id: int, *, on_hold: bool, now: datetime) -> bool:
    """Put an open earning into its hold or take it out, with its money when that is released; False: not open."""
    flipped = conn.execute(FLIP, {"earning_id": earning_id, "on_hold": on_hold}).one_or_none()
    if flipped is None:
        return bool(conn.execute(IS_OPEN, {"earning_id": earning_id}).scalar_one())
    # A negative earning counts at once, whatever blocks it: there is no money of it to hold.
    if flipped.released and flipped.amount_minor > 0:
        movement = Movement(
            partner_id=flipped.partner_id,
            kind="hold" if on_hold else "lift",
            from_account="available" if on_hold else "held",
            to_account="held" if on_hold else "available",
            amount_minor=flipped.amount_minor,
            currency=flipped.currency,
            earning_id=earning_id,
        )
        post(conn, [movement], now=now)
    return True


LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
CANCEL = text("""
    UPDATE payout SET status = 'cancelled', reason_code = :reason_code, reason = :reason, retry_at = NULL,
                      decided_at = :now
     WHERE id = ANY(:ids) AND status = ANY(:statuses)
    RETURNING id
""")


def pull_back_payouts(
    conn: Connection,
    payout_ids: Sequence[int],
    statuses: Sequence[str],
    *,
    reason_code: str,
    reason: str,
    now: datetime,
) -> list[int]:
    """Cancel those of the payouts that still have one of these statuses and give their money back; returns their ids.

    The caller holds the partners' balance rows.
    """
    if not payout_ids:
        return []
    conn.execute(LOCK_PAYOUTS, {"ids": list(payout_ids)})
    values = {
        "ids": list(payout_ids),
        "statuses": list(statuses),
        "reason_code": reason_code,
        "reason": reason,
    }
    cancelled = sorted(conn.execute(CANCEL, values | {"now": now}).scalars())
    undo_payouts(conn, cancelled, now=now)
    return cancelled
