"""Corrections: what a refund, a dispute or a person takes back of an earning, and puts back when it was for nothing.

One event takes back once, whatever it comes to under the lock: a `void` when the whole of what is left is still open
(neither row is ever paid), a `clawback` otherwise, which counts at once as a debt. A payout that has not left is pulled
back first. Each function is one transaction's work, since it ends in the audit trail: one event per transaction.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import Connection, Row, text

from core.access import Actor
from core.commission import Tiered
from core.earnings import NewEarning, record_earnings
from core.families import first_of, read_family
from core.ledger import lock_partners
from core.money_words import Amount
from core.programs import current_policy
from core.refunds import MoreThanSold, refund_sale, undo_refund
from core.refusals import Refusal
from core.taking_back import TAKEN, Corrected, Event, take_back, taken_before, tell


class UnknownEarning(Refusal):
    """There is no earning {earning}."""

    code = "unknown_earning"


class UnknownSale(Refusal):
    """There is no sale {sale} in this program."""

    code = "unknown_sale"


class NothingToTakeBack(Refusal):
    """{what} is nothing that is owed to the partner, so nothing of it can be taken back."""

    code = "nothing_to_take_back"


class CorrectionNotPositive(Refusal):
    """A correction takes back an amount above zero."""

    code = "not_positive"


class MoreThanEarned(Refusal):
    """{amount} cannot be taken back: {left} is left of earning {earning}."""

    code = "more_than_earned"


class NothingTaken(Refusal):
    """{event} has taken nothing back, so there is nothing to put back."""

    code = "nothing_taken"


READ_EARNING = text("SELECT amount_minor, partner_id FROM earning WHERE id = :id")


def correct_earning(
    conn: Connection,
    earning_id: int,
    *,
    event_ref: str,
    amount_minor: int,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Corrected:
    """Take back so much of an earning, in minor units above zero, once per event; a part of a split stands for the whole.

    Refuses NotAllowed, CorrectionNotPositive, UnknownEarning, NothingToTakeBack, MoreThanEarned, TakenElsewhere.
    """
    actor.must("correct earnings")
    if amount_minor <= 0:
        raise CorrectionNotPositive
    found = conn.execute(READ_EARNING, {"id": earning_id}).one_or_none()
    if found is None:
        raise UnknownEarning(earning=earning_id)
    if found.amount_minor < 0:
        raise NothingToTakeBack(what=f"Earning {earning_id}")
    root_id = first_of(conn, earning_id)
    lock_partners(conn, [found.partner_id])
    if (before := taken_before(conn, event_ref, root_id)) is not None:
        return before
    family = read_family(conn, root_id)
    if amount_minor > family.left_minor:
        left, wanted = (Amount(minor, family.currency) for minor in (family.left_minor, amount_minor))
        raise MoreThanEarned(amount=wanted, left=left, earning=root_id)
    if amount_minor == family.left_minor:
        gross_minor, fee_minor = family.left_gross_minor, family.left_fee_minor
    else:
        gross_minor = _share(family.root.gross_minor, amount_minor, family.root.amount_minor)
        fee_minor = _share(family.root.fee_minor, amount_minor, family.root.amount_minor)
    event = Event(ref=event_ref, reason=reason, actor=actor, now=now)
    return take_back(
        conn, family, event, amount_minor=amount_minor, gross_minor=gross_minor, fee_minor=fee_minor
    )


READ_SALE = text("""
    SELECT s.id, s.partner_id, s.kind, g.currency,
           (SELECT e.id FROM earning e WHERE e.program_id = s.program_id AND e.kind = s.kind
                                         AND e.source_ref = s.source_ref AND e.period = '') AS earning_id
      FROM sale s JOIN program g ON g.id = s.program_id
     WHERE s.program_id = :program_id AND s.source_ref = :source_ref
""")


def correct_sale(
    conn: Connection,
    program_id: int,
    source_ref: str,
    *,
    gross_minor: int,
    event_ref: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Corrected:
    """Take back the partner's part of what one event gave back of a sale: `gross_minor` is that event's own amount.

    The part is in proportion to the earning's own split, worked out on the sum of all that went back, so that roundings
    never add up and any order of events ends at the same figure. A sale priced with its month is priced again without
    it by the next accrual. Refuses NotAllowed, CorrectionNotPositive, UnknownSale, NothingToTakeBack, MoreThanSold,
    TakenElsewhere.
    """
    actor.must("correct earnings")
    if gross_minor <= 0:
        raise CorrectionNotPositive
    sale = conn.execute(READ_SALE, {"program_id": program_id, "source_ref": source_ref}).one_or_none()
    if sale is None:
        raise UnknownSale(sale=source_ref)
    if sale.kind == "deduction":
        raise NothingToTakeBack(what=source_ref)
    event = Event(ref=event_ref, reason=reason, actor=actor, now=now)
    if sale.earning_id is not None:
        return _correct_priced(conn, sale, event, gross_minor)
    if not isinstance(current_policy(conn, program_id, now=now).policy.commission, Tiered):
        return Corrected(kind="nothing", earning_id=None, amount_minor=0)  # its share rounded to nothing
    values = {"event_ref": event_ref, "gross_minor": gross_minor, "currency": sale.currency, "reason": reason}
    refund = refund_sale(conn, sale.id, sale.partner_id, **values, actor=actor, now=now)
    if not refund.again:
        details = {"sale": source_ref, "gross_minor": gross_minor, "currency": sale.currency}
        tell(conn, "sale.refunded", sale.partner_id, event, details)
    return Corrected(kind="refund", earning_id=None, amount_minor=refund.gross_minor, again=refund.again)


def _correct_priced(
    conn: Connection, sale: Row[tuple[object, ...]], event: Event, gross_minor: int
) -> Corrected:
    lock_partners(conn, [sale.partner_id])
    if (before := taken_before(conn, event.ref, sale.earning_id)) is not None:
        return before
    family = read_family(conn, sale.earning_id)
    root = family.root
    if gross_minor > family.left_gross_minor:
        left, wanted = (Amount(minor, family.currency) for minor in (family.left_gross_minor, gross_minor))
        raise MoreThanSold(amount=wanted, left=left)
    gone = root.gross_minor - family.left_gross_minor + gross_minor
    taken = root.amount_minor - family.left_minor
    amount_minor = min(_share(root.amount_minor, gone, root.gross_minor) - taken, family.left_minor)
    if amount_minor <= 0:
        return Corrected(kind="nothing", earning_id=None, amount_minor=0)
    fee_minor = gross_minor - amount_minor
    return take_back(
        conn, family, event, amount_minor=amount_minor, gross_minor=gross_minor, fee_minor=fee_minor
    )


REFUNDED = text("SELECT coalesce(sum(gross_minor), 0)::bigint FROM sale_refund WHERE sale_id = :sale_id")
GROSS = text("SELECT gross_minor FROM sale WHERE id = :sale_id")


def left_of_sale(conn: Connection, program_id: int, source_ref: str) -> int:
    """Return how much of a sale's gross has not gone back, in minor units; the caller holds the partner's balance row.

    Refuses UnknownSale.
    """
    sale = conn.execute(READ_SALE, {"program_id": program_id, "source_ref": source_ref}).one_or_none()
    if sale is None:
        raise UnknownSale(sale=source_ref)
    if sale.earning_id is not None:
        return read_family(conn, sale.earning_id).left_gross_minor
    gone: int = conn.execute(REFUNDED, {"sale_id": sale.id}).scalar_one()
    gross: int = conn.execute(GROSS, {"sale_id": sale.id}).scalar_one()
    return gross - gone


def _share(whole_minor: int, part: int, of: int) -> int:
    return int((Decimal(whole_minor) * part / of).quantize(Decimal(1), ROUND_HALF_EVEN))


REINSTATED = text("""
    SELECT id FROM earning WHERE program_id = :program_id AND kind = 'reinstate' AND source_ref = :event_ref AND period = ''
""")
HOLD_ON = text("""
    SELECT reason FROM hold
     WHERE partner_id = :partner_id AND earning_id = ANY(:ids) AND closed_at IS NULL AND (until IS NULL OR until > :now)
     ORDER BY id LIMIT 1
""")


def reinstate_earning(
    conn: Connection, event_ref: str, *, by_event_ref: str, reason: str, actor: Actor, now: datetime
) -> Corrected:
    """Put back exactly what an event took, once: the dispute was won, the refund failed.

    What stands as a debt is put back at once; what was voided goes back to where it stood, into its hold too. Refuses
    NotAllowed, NothingTaken, TakenElsewhere.
    """
    actor.must("correct earnings")
    event = Event(ref=by_event_ref, reason=reason, actor=actor, now=now)
    taken = conn.execute(TAKEN, {"event_ref": event_ref}).one_or_none()
    if taken is None:
        return _undo(conn, event_ref, event)
    lock_partners(conn, [taken.partner_id])
    family = read_family(conn, taken.corrects_id)
    before = {"program_id": family.program_id, "event_ref": event_ref}
    again: int | None = conn.execute(REINSTATED, before).scalar_one_or_none()
    if again is not None:
        return Corrected(kind="reinstate", earning_id=again, amount_minor=-taken.amount_minor, again=True)
    part = next(part for part in family.parts if part.id == taken.id)
    on_hold = None
    if part.is_closed:
        part_that_closed = next(one for one in family.parts if one.kind == "void" and one.id >= part.id)
        release_at = part_that_closed.release_at
        ids = [one.id for one in family.parts]
        holds = {"partner_id": family.partner_id, "ids": ids, "now": now}
        on_hold = conn.execute(HOLD_ON, holds).scalar_one_or_none()
    else:
        release_at = part.release_at
    back = NewEarning(
        program_id=family.program_id,
        partner_id=family.partner_id,
        kind="reinstate",
        source_ref=event_ref,
        amount_minor=-part.amount_minor,
        gross_minor=-part.gross_minor,
        fee_minor=-part.fee_minor,
        occurred_at=now,
        release_at=release_at,
        sale_id=family.sale_id,
        customer_id=family.customer_id,
        corrects_id=family.root.id,
        policy_id=family.policy_id,
        on_hold=on_hold,
    )
    (added,) = record_earnings(conn, [back], actor=actor, now=now)
    details = {
        "earning_id": family.root.id,
        "correction_id": added,
        "undoes": event_ref,
        "amount_minor": back.amount_minor,
        "currency": family.currency,
    }
    tell(conn, "earning.reinstated", family.partner_id, event, details)
    return Corrected(kind="reinstate", earning_id=added, amount_minor=back.amount_minor)


def _undo(conn: Connection, event_ref: str, event: Event) -> Corrected:
    refund = undo_refund(
        conn, event_ref, by_event_ref=event.ref, reason=event.reason, actor=event.actor, now=event.now
    )
    if refund is None:
        raise NothingTaken(event=event_ref)
    if not refund.again:
        details = {"undoes": event_ref, "gross_minor": refund.gross_minor}
        tell(conn, "sale.refund_undone", refund.partner_id, event, details)
    return Corrected(
        kind="refund_undone", earning_id=None, amount_minor=refund.gross_minor, again=refund.again
    )
