"""Taking money of an earning back: one event, once, as a void or as a debt.

It is a `void` when the whole of what is left is still open: neither row is ever paid. Otherwise it is a `clawback`, which
counts at once. A payout that has not left is pulled back first. The caller holds the partner's balance row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.earnings import NewEarning, record_earnings
from core.families import UNSENT, Family, read_family
from core.ledger import Movement, post
from core.pulling_back import pull_back_payouts
from core.refunds import TakenElsewhere


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """What one event came to.

    `earning_id` is the correction's own row and `amount_minor` what it moved, above zero; a `refund` of a sale priced
    with its month has no row here and moves gross, `nothing` is a share that rounds to zero. `again`: it had been done.
    """

    kind: Literal["void", "clawback", "reinstate", "refund", "refund_undone", "nothing"]
    earning_id: int | None
    amount_minor: int
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """A refund, a dispute or a person's act: its key, why, by whom, when."""

    ref: str
    reason: str
    actor: Actor
    now: datetime


TAKEN = text("""
    SELECT id, kind, corrects_id, partner_id, amount_minor FROM earning
     WHERE source_ref = :event_ref AND kind IN ('void', 'clawback')
""")


def taken_before(conn: Connection, event_ref: str, root_id: int) -> Corrected | None:
    """Return what this event took of the earning before, None when nothing yet. Refuses TakenElsewhere."""
    taken = conn.execute(TAKEN, {"event_ref": event_ref}).one_or_none()
    if taken is None:
        return None
    if taken.corrects_id != root_id:
        raise TakenElsewhere(event=event_ref)
    return Corrected(kind=taken.kind, earning_id=taken.id, amount_minor=-taken.amount_minor, again=True)


def take_back(
    conn: Connection, family: Family, event: Event, *, amount_minor: int, gross_minor: int, fee_minor: int
) -> Corrected:
    """Take so much back, not above what is left, with the gross and platform fee behind it. Refuses TakenElsewhere."""
    pulled = pull_back_payouts(
        conn,
        family.unsent_payouts,
        UNSENT,
        reason_code="earning_corrected",
        reason=f"An earning in it was corrected: {event.reason}",
        now=event.now,
    )
    if pulled:
        family = read_family(conn, family.root.id)
    correction = NewEarning(
        program_id=family.program_id,
        partner_id=family.partner_id,
        kind="clawback",
        source_ref=event.ref,
        amount_minor=-amount_minor,
        gross_minor=-gross_minor,
        fee_minor=-fee_minor,
        occurred_at=event.now,
        # Behind the mark, so that what it took comes back at once should it be reinstated.
        release_at=min(event.now, family.released_to),
        sale_id=family.sale_id,
        customer_id=family.customer_id,
        corrects_id=family.root.id,
        policy_id=family.policy_id,
    )
    whole = amount_minor == family.left_minor and not family.is_in_payouts
    if whole:
        added = _void(conn, family, correction, event)
    else:
        added = next(iter(record_earnings(conn, [correction], actor=event.actor, now=event.now)), None)
    if added is None:  # the same event took something of another partner's, committed just now
        raise TakenElsewhere(event=event.ref)
    kind: Literal["void", "clawback"] = "void" if whole else "clawback"
    details = {
        "earning_id": family.root.id,
        "correction_id": added,
        "kind": kind,
        "amount_minor": amount_minor,
        "currency": family.currency,
        "pulled_back": pulled,
    }
    tell(conn, "earning.corrected", family.partner_id, event, details)
    return Corrected(kind=kind, earning_id=added, amount_minor=amount_minor)


ADD_VOID = text("""
    INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, gross_minor, fee_minor, occurred_at,
                         release_at, sale_id, customer_id, corrects_id, policy_id, made_by)
    VALUES (:program_id, :partner_id, 'void', :source_ref, :amount_minor, :gross_minor, :fee_minor, :occurred_at,
            :release_at, :sale_id, :customer_id, :corrects_id, :policy_id, :made_by)
        ON CONFLICT DO NOTHING
    RETURNING id
""")
CLOSE = text("DELETE FROM open_item WHERE earning_id = ANY(:ids)")


def _void(conn: Connection, family: Family, correction: NewEarning, event: Event) -> int | None:
    """Close the whole family, with its money; the void carries the date at which what it voids would be released."""
    parts = family.open_parts
    release_at = max(part.release_at for part in parts if part.amount_minor > 0)
    values = vars(correction) | {"release_at": release_at, "made_by": event.actor.name}
    void_id: int | None = conn.execute(ADD_VOID, values).scalar_one_or_none()
    if void_id is None:
        return None
    conn.execute(CLOSE, {"ids": [part.id for part in parts]})
    held = sum(part.amount_minor for part in parts if part.is_held)
    available = sum(part.amount_minor for part in parts if not part.is_held)
    assert held + available == -correction.amount_minor
    source = "available" if available or not held else "held"
    movements = []
    if source == "available" and held:
        # Part of it is held and part is not: it goes as one, so what is held comes over first.
        movements.append(_move(family, "lift", "held", "available", held, family.root.id))
    movements.append(_move(family, "void", source, "earnings", -correction.amount_minor, void_id))
    post(conn, movements, now=event.now)
    return void_id


def _move(  # noqa: PLR0917 - reads as the ledger's table does
    family: Family, kind: str, from_account: str, to_account: str, amount_minor: int, earning_id: int
) -> Movement:
    return Movement(
        partner_id=family.partner_id,
        kind=kind,
        from_account=from_account,
        to_account=to_account,
        amount_minor=amount_minor,
        currency=family.currency,
        earning_id=earning_id,
    )


def tell(conn: Connection, action: str, partner_id: int, event: Event, details: Mapping[str, object]) -> None:
    """Add what an event did to the trail: the transaction's last statement."""
    told = {**details, "event": event.ref, "reason": event.reason}
    audit.record(
        conn, action, subject="partner", ids=[partner_id], actor=event.actor, now=event.now, details=told
    )
