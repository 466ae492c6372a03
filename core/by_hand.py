"""What a maker enters by hand: an amount that is owed or owed back, and a refund that nothing else tells of.

Each carries a reference: entered again under the same one, nothing happens twice. Whoever enters an amount by hand is a
maker of every payout that pays it and never approves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.corrections import UnknownSale, correct_sale, left_of_sale
from core.drafting import NotPositive
from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from core.money import BadAmount, parse_amount
from core.programs import UnknownPartner, UnknownProgram, lock_programs
from core.refusals import Refusal
from core.requests import NotAnAmount
from core.taking_back import Corrected

Kind = Literal["bonus", "deduction", "manual"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REF_LENGTH_MAX = 100


class WhyEntered(Refusal):
    """Say why: the reason is kept with the amount."""

    code = "no_reason"


class NoReference(Refusal):
    """A reference has 1 to 100 characters: it keeps the same amount from being entered twice."""

    code = "no_reference"


class ReferenceTaken(Refusal):
    """Under {ref} something else was entered already: give this one a reference of its own."""

    code = "reference_taken"


class RefundedAtProvider(Refusal):
    """{sale} was paid at the provider: refund it there, and the desk hears of it by itself."""

    code = "refunded_at_provider"


@dataclass(frozen=True, kw_only=True)
class Entered:
    """The earning an amount became, in minor units; `again`: it had been entered before."""

    earning_id: int
    amount_minor: int
    again: bool


PARTNER = text("""
    SELECT p.id, p.program_id, g.currency FROM partner p JOIN program g ON g.id = p.program_id WHERE p.code = :code
""")
KNOWN = text("""
    SELECT id, partner_id, amount_minor FROM earning
     WHERE program_id = :program_id AND kind = :kind AND source_ref = :source_ref AND period = ''
""")


def enter_by_hand(
    conn: Connection,
    code: str,
    kind: Kind,
    amount: str,
    *,
    ref: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Entered:
    """Write an amount of a partner's by hand; `amount` in decimal major units, like `25.00`.

    A bonus and a deduction are given above zero, and a deduction is taken off; `manual` is owed above zero and owed back
    below. Refuses NotAllowed, WhyEntered, NoReference, UnknownPartner, NotAnAmount, NotPositive, ReferenceTaken.
    """
    actor.must("correct earnings")
    source_ref = _reference(ref, reason)
    partner = conn.execute(PARTNER, {"code": code}).one_or_none()
    if partner is None:
        raise UnknownPartner(partner=code)
    amount_minor = _read(amount, partner.currency)
    if amount_minor == 0 or (amount_minor < 0 and kind != "manual"):
        raise NotPositive(asked=amount)
    if kind == "deduction":
        amount_minor = -amount_minor
    lock_programs(conn, [partner.program_id])
    lock_partners(conn, [partner.id])
    earning = NewEarning(
        program_id=partner.program_id,
        partner_id=partner.id,
        kind=kind,
        source_ref=source_ref,
        amount_minor=amount_minor,
        occurred_at=now,
        release_at=now,
    )
    added = record_earnings(conn, [earning], actor=actor, now=now)
    if not added:
        known = conn.execute(KNOWN, vars(earning)).one()
        if (known.partner_id, known.amount_minor) != (partner.id, amount_minor):
            raise ReferenceTaken(ref=ref.strip())
        return Entered(earning_id=known.id, amount_minor=amount_minor, again=True)
    details = {
        "partner": code,
        "kind": kind,
        "amount_minor": amount_minor,
        "currency": partner.currency,
        "earning_id": added[0],
        "reason": reason.strip(),
    }
    audit.record(
        conn, "earning.entered", subject="partner", ids=[partner.id], actor=actor, now=now, details=details
    )
    return Entered(earning_id=added[0], amount_minor=amount_minor, again=False)


SALE = text("""
    SELECT g.id AS program_id, g.currency, s.id, s.partner_id, p.code,
           EXISTS (SELECT 1 FROM payment y WHERE y.sale_id = s.id) AS by_payment
      FROM program g LEFT JOIN sale s ON s.program_id = g.id AND s.source_ref = :sale
      LEFT JOIN partner p ON p.id = s.partner_id
     WHERE g.code = :program
""")


def refund_by_hand(
    conn: Connection,
    program: str,
    sale: str,
    amount: str,
    *,
    ref: str,
    reason: str,
    actor: Actor,
    now: datetime,
    of_partner: str | None = None,
) -> Corrected:
    """Take back the partner's part of a sale that was refunded; `amount` is what the customer got, all that is left if empty.

    `of_partner` is the only partner whose sale it may be. Refuses NotAllowed, WhyEntered, NoReference, UnknownProgram,
    UnknownSale, RefundedAtProvider, NotAnAmount, and what `correct_sale` refuses.
    """
    actor.must("correct earnings")
    event_ref = _reference(ref, reason)
    found = conn.execute(SALE, {"program": program, "sale": sale}).one_or_none()
    if found is None:
        raise UnknownProgram(code=program)
    if found.id is None or of_partner not in {None, found.code}:
        raise UnknownSale(sale=sale)
    if found.by_payment:
        raise RefundedAtProvider(sale=sale)
    lock_programs(conn, [found.program_id])
    lock_partners(conn, [found.partner_id])
    left = left_of_sale(conn, found.program_id, sale)
    return correct_sale(
        conn,
        found.program_id,
        sale,
        gross_minor=_read(amount, found.currency) if amount.strip() else left,
        event_ref=event_ref,
        reason=reason.strip(),
        actor=actor,
        now=now,
    )


def _reference(ref: str, reason: str) -> str:
    """Return the reference as it is kept: apart from every other source's."""
    if not reason.strip():
        raise WhyEntered
    if not 0 < len(ref.strip()) <= REF_LENGTH_MAX:
        raise NoReference
    return f"by hand: {ref.strip()}"


def _read(amount: str, currency: str) -> int:
    try:
        return parse_amount(amount, currency)
    except BadAmount as fault:
        raise NotAnAmount(str(fault)) from fault
