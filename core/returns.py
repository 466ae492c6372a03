"""Returns: money of a paid payout that came back, reversed by us or outside, sent back by the bank or the provider.

It is an earning again, on hold for review: nothing pays it out a second time before somebody has looked. The payout stays
`paid` until all of its net has come back; then it is `reversed`. Its items, its settlement and its fee stay for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor
from core.decisions import UnknownPayout
from core.ledger import Movement, lock_partners, post
from core.money_words import Amount
from core.refunds import TakenElsewhere
from core.refusals import Refusal


class ReturnNotPositive(Refusal):
    """What comes back of a payout is above zero."""

    code = "not_positive"


class NotPaid(Refusal):
    """Payout {payout} is {status}: nothing of it has left that could come back."""

    code = "not_paid"


class MoreThanPaid(Refusal):
    """{amount} cannot have come back: {left} of payout {payout} is still out."""

    code = "more_than_paid"


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What came back by one event, in minor units, and the earning it became; `again`: it had been booked before."""

    payout_id: int
    earning_id: int
    amount_minor: int
    again: bool = False


READ_PARTNER = text("SELECT partner_id FROM payout WHERE id = :payout_id")
LOCK_PAYOUT = text("""
    SELECT id, program_id, partner_id, status, currency, net_minor FROM payout WHERE id = :payout_id FOR UPDATE
""")
STILL_OUT = text("""
    SELECT p.net_minor - coalesce((SELECT sum(t.amount_minor) FROM ledger_transfer t
                                    WHERE t.payout_id = p.id AND t.kind = 'return'), 0)::bigint
      FROM payout p WHERE p.id = :payout_id
""")
BEFORE = text("""
    SELECT e.id, e.amount_minor, t.payout_id FROM earning e
      LEFT JOIN ledger_transfer t ON t.earning_id = e.id AND t.kind = 'return'
     WHERE e.program_id = :program_id AND e.kind = 'return' AND e.source_ref = :event_ref AND e.period = ''
""")
REVERSED = text("UPDATE payout SET status = 'reversed' WHERE id = :payout_id AND status = 'paid'")


def book_return(
    conn: Connection,
    payout_id: int,
    *,
    amount_minor: int,
    event_ref: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Returned:
    """Book so much of a payout's net as come back, in minor units above zero, once per event (the provider's reversal id).

    Refuses NotAllowed, ReturnNotPositive, UnknownPayout, NotPaid, MoreThanPaid, and TakenElsewhere where the event came
    back of another payout.
    """
    actor.must("correct earnings")
    if amount_minor <= 0:
        raise ReturnNotPositive
    partner_id: int | None = conn.execute(READ_PARTNER, {"payout_id": payout_id}).scalar_one_or_none()
    if partner_id is None:
        raise UnknownPayout(id=payout_id)
    lock_partners(conn, [partner_id])
    payout = conn.execute(LOCK_PAYOUT, {"payout_id": payout_id}).one()
    before = conn.execute(BEFORE, {"program_id": payout.program_id, "event_ref": event_ref}).one_or_none()
    if before is not None:
        if before.payout_id != payout_id:
            raise TakenElsewhere(event=event_ref)
        return Returned(
            payout_id=payout_id, earning_id=before.id, amount_minor=before.amount_minor, again=True
        )
    if payout.status not in {"paid", "reversed"}:
        raise NotPaid(payout=payout_id, status=payout.status)
    still_out: int = conn.execute(STILL_OUT, {"payout_id": payout_id}).scalar_one()
    if amount_minor > still_out:
        wanted, left = (Amount(minor, payout.currency) for minor in (amount_minor, still_out))
        raise MoreThanPaid(amount=wanted, left=left, payout=payout_id)
    earning_id = _earn_again(conn, payout, amount_minor, event_ref, reason=reason, actor=actor, now=now)
    if amount_minor == still_out:
        conn.execute(REVERSED, {"payout_id": payout_id})
    audit.record(
        conn,
        "payout.returned",
        subject="payout",
        ids=[payout_id],
        actor=actor,
        now=now,
        details={"event": event_ref, "amount_minor": amount_minor, "earning_id": earning_id, "reason": reason}
        | {"currency": payout.currency, "whole": amount_minor == still_out},
    )
    return Returned(payout_id=payout_id, earning_id=earning_id, amount_minor=amount_minor)


# Behind the release mark, so that lifting the review frees the money at once.
ADD_EARNING = text("""
    WITH added AS (
        INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, occurred_at, release_at, made_by)
        SELECT :program_id, partner_id, 'return', :event_ref, :amount_minor, :now, least(released_to, :now), :made_by
          FROM partner_balance WHERE partner_id = :partner_id
            ON CONFLICT DO NOTHING
        RETURNING id, partner_id, amount_minor, release_at),
    opened AS (
        INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at, on_hold)
        SELECT id, partner_id, amount_minor, release_at, true FROM added),
    blocked AS (
        INSERT INTO hold (partner_id, earning_id, reason, note, made_by, opened_at)
        SELECT partner_id, id, 'review', :note, :made_by, :now FROM added)
    SELECT id FROM added
""")


def _earn_again(
    conn: Connection,
    payout: Row[tuple[object, ...]],
    amount_minor: int,
    event_ref: str,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    values = {
        "program_id": payout.program_id,
        "partner_id": payout.partner_id,
        "event_ref": event_ref,
        "amount_minor": amount_minor,
        "note": f"Payout {payout.id} came back: {reason}",
        "made_by": actor.name,
        "now": now,
    }
    earning_id: int | None = conn.execute(ADD_EARNING, values).scalar_one_or_none()
    if earning_id is None:  # the same event came back of another partner's payout, committed just now
        raise TakenElsewhere(event=event_ref)
    back = {
        "partner_id": payout.partner_id,
        "amount_minor": amount_minor,
        "currency": payout.currency,
        "earning_id": earning_id,
    }
    out = Movement(kind="return", from_account="paid", to_account="available", payout_id=payout.id, **back)
    hold = Movement(kind="hold", from_account="available", to_account="held", **back)
    post(conn, [out, hold], now=now)
    return earning_id
