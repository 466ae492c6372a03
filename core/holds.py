"""Holds: a reason-coded block on a partner, a payout or an earning, and its end.

Only a hold on an earning moves money, and only while that earning is released and open; a hold on a partner or a
payout blocks queueing and sending. A hold pulls an earning's payout back as long as nothing has been sent. It holds all
that is left of the earning, so the parts it was split into have rows of their own, which are lifted with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.families import Part, first_of, read_family
from core.ledger import Movement, lock_partners, post
from core.pulling_back import pull_back_payouts
from core.refusals import Refusal

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
    pulled = [] if earning_id is None else _pull_back(conn, earning_id, reason, now=now)
    hold_id = int(conn.execute(ADD, values).scalar_one())
    if earning_id is not None:
        _move(conn, earning_id, on_hold=True, now=now)
        for part in _rest_of(conn, earning_id):
            row = values | {"earning_id": part.id}
            if conn.execute(SAME_HOLD, row).first() is None:
                conn.execute(ADD, row)
                _move(conn, part.id, on_hold=True, now=now)
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


def _pull_back(conn: Connection, earning_id: int, reason: str, *, now: datetime) -> list[int]:
    """Cancel what has not been sent of an earning and its parts, the latest first, so that each split closes itself."""
    family = read_family(conn, first_of(conn, earning_id))
    ids = {part.payout_id for part in family.parts if part.amount_minor > 0 and part.payout_id is not None}
    ids |= {part.payout_id for part in family.parts if part.id == earning_id and part.payout_id is not None}
    sentence = f"An earning in it was put on hold ({reason.replace('_', ' ')})."
    pulled: list[int] = []
    for payout_id in sorted(ids, reverse=True):
        pulled += pull_back_payouts(
            conn,
            [payout_id],
            ("pending", "approved"),
            reason_code="earning_on_hold",
            reason=sentence,
            now=now,
        )
    return pulled


def _rest_of(conn: Connection, earning_id: int) -> list[Part]:
    """Return the other parts of an earning that are open or may come back: not those paid or cancelled out."""
    family = read_family(conn, first_of(conn, earning_id))
    return [
        part
        for part in family.parts
        if part.id != earning_id
        and part.amount_minor > 0
        and not part.is_closed
        and part.payout_status not in {"paid", "reversed"}
    ]


READ_HOLD = text("SELECT partner_id, earning_id, payout_id, reason, closed_at FROM hold WHERE id = :id")
# The rows written by one act on one earning and its parts.
PLACED_WITH = text("""
    SELECT h.id, h.earning_id FROM hold h JOIN hold t ON t.id = :id
     WHERE h.id <> t.id AND h.partner_id = t.partner_id AND h.earning_id = ANY(:earning_ids) AND h.closed_at IS NULL
       AND (h.reason, h.made_by, h.opened_at) = (t.reason, t.made_by, t.opened_at)
     ORDER BY h.id
""")
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
    closing = {"now": now, "closed_by": actor.name, "note": note.strip()}
    if conn.execute(CLOSE, closing | {"id": hold_id}).first() is None:
        raise HoldEnded(hold_id=hold_id)
    if found.earning_id is not None:
        earning_ids = [part.id for part in read_family(conn, first_of(conn, found.earning_id)).parts]
        held = [found.earning_id]
        for other in conn.execute(PLACED_WITH, {"id": hold_id, "earning_ids": earning_ids}).all():
            conn.execute(CLOSE, closing | {"id": other.id})
            held.append(other.earning_id)
        for earning_id in held:
            where = {"partner_id": found.partner_id, "earning_id": earning_id, "now": now}
            if not conn.execute(STILL_HELD, where).scalar_one():
                _move(conn, earning_id, on_hold=False, now=now)
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


def _move(conn: Connection, earning_id: int, *, on_hold: bool, now: datetime) -> None:
    """Put an earning into its hold or take it out, with its money when that is released; one in a payout stays there."""
    flipped = conn.execute(FLIP, {"earning_id": earning_id, "on_hold": on_hold}).one_or_none()
    # A negative earning counts at once, whatever blocks it: there is no money of it to hold.
    if flipped is not None and flipped.released and flipped.amount_minor > 0:
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
