"""Refunds of sales that are priced with their month: kept beside the sale, so that the next accrual prices it again.

The sale stays as it was. A service that went back whole counts no more; of one that went back in part the rest does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from core.access import Actor
from core.ledger import lock_partners
from core.money_words import Amount
from core.refusals import Refusal


class TakenElsewhere(Refusal):
    """{event} has already taken back something else."""

    code = "taken_elsewhere"


class MoreThanSold(Refusal):
    """{amount} cannot go back: {left} is left of this sale."""

    code = "more_than_sold"


@dataclass(frozen=True, kw_only=True)
class Refund:
    """What one event gave back of a sale's gross, in minor units; `again` when it had done so before."""

    id: int
    partner_id: int
    gross_minor: int
    again: bool = False


# The lock is held: what is summed here cannot grow meanwhile.
LEFT = text("""
    SELECT s.gross_minor - coalesce((SELECT sum(r.gross_minor) FROM sale_refund r WHERE r.sale_id = s.id), 0)::bigint
      FROM sale s WHERE s.id = :sale_id
""")
BY_EVENT = text("""
    SELECT id, sale_id, partner_id, gross_minor FROM sale_refund WHERE event_ref = :event_ref AND undoes_id IS NULL
""")
ADD = text("""
    INSERT INTO sale_refund (sale_id, partner_id, event_ref, gross_minor, undoes_id, reason, made_by, at)
    VALUES (:sale_id, :partner_id, :event_ref, :gross_minor, :undoes_id, :reason, :made_by, :now)
        ON CONFLICT (event_ref) DO NOTHING
    RETURNING id
""")


def refund_sale(
    conn: Connection,
    sale_id: int,
    partner_id: int,
    *,
    event_ref: str,
    gross_minor: int,
    currency: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Give back so much of a sale's gross, once per event. Refuses MoreThanSold, TakenElsewhere."""
    lock_partners(conn, [partner_id])
    before = conn.execute(BY_EVENT, {"event_ref": event_ref}).one_or_none()
    if before is not None:
        if before.sale_id != sale_id:
            raise TakenElsewhere(event=event_ref)
        return Refund(id=before.id, partner_id=partner_id, gross_minor=before.gross_minor, again=True)
    left: int = conn.execute(LEFT, {"sale_id": sale_id}).scalar_one()
    if gross_minor > left:
        raise MoreThanSold(amount=Amount(gross_minor, currency), left=Amount(left, currency))
    values = {
        "sale_id": sale_id,
        "partner_id": partner_id,
        "event_ref": event_ref,
        "gross_minor": gross_minor,
        "undoes_id": None,
        "reason": reason,
        "made_by": actor.name,
        "now": now,
    }
    added: int | None = conn.execute(ADD, values).scalar_one_or_none()
    if added is None:  # another partner's refund under the same event, committed just now
        raise TakenElsewhere(event=event_ref)
    return Refund(id=added, partner_id=partner_id, gross_minor=gross_minor)


UNDONE = text("SELECT id FROM sale_refund WHERE undoes_id = :id")


def undo_refund(
    conn: Connection, event_ref: str, *, by_event_ref: str, reason: str, actor: Actor, now: datetime
) -> Refund | None:
    """Put back what an event gave back of a sale, once; None when it gave back nothing. Refuses TakenElsewhere."""
    taken: Row[tuple[int, int, int, int]] | None = conn.execute(
        BY_EVENT, {"event_ref": event_ref}
    ).one_or_none()
    if taken is None:
        return None
    lock_partners(conn, [taken.partner_id])
    undone: int | None = conn.execute(UNDONE, {"id": taken.id}).scalar_one_or_none()
    if undone is not None:
        return Refund(id=undone, partner_id=taken.partner_id, gross_minor=taken.gross_minor, again=True)
    values = {
        "sale_id": taken.sale_id,
        "partner_id": taken.partner_id,
        "event_ref": by_event_ref,
        "gross_minor": -taken.gross_minor,
        "undoes_id": taken.id,
        "reason": reason,
        "made_by": actor.name,
        "now": now,
    }
    added: int | None = conn.execute(ADD, values).scalar_one_or_none()
    if added is None:
        raise TakenElsewhere(event=by_event_ref)
    return Refund(id=added, partner_id=taken.partner_id, gross_minor=taken.gross_minor)
