"""What a person decides on a payment that waits: whose sale it is, or that it is nobody's. Each once."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor, job_actor
from core.imports.directory import open_directory
from core.money_words import Amount
from core.payment_refunds import settle_refunds
from core.payments import Payment, lock_payment, payable_kinds, usual_kind
from core.programs import UnknownPartner
from core.refusals import Refusal
from core.sales import NewSale, find_sales, record_sales


class UnknownPayment(Refusal):
    """There is no payment {payment}."""

    code = "unknown_payment"


class PaymentDecided(Refusal):
    """Payment {payment} does not wait: it is {state}."""

    code = "payment_decided"


class PaymentInOtherCurrency(Refusal):
    """The payment is of {amount}; {program} is in {currency}."""

    code = "wrong_currency"


class NoSuchSales(Refusal):
    """{program} takes no sales, so a payment cannot be one of its partners'."""

    code = "kind_not_taken"


class SoldOtherwise(Refusal):
    """Sale {sale} is in the books with other content: mend it there, and set this payment aside."""

    code = "known_otherwise"


class SettingAsideNeedsReason(Refusal):
    """Setting a payment aside needs a reason: what it was."""

    code = "no_reason"


DECIDE = text("""
    UPDATE payment SET state = :state, sale_id = :sale_id, decided_at = :now, decided_by = :actor, reason = :reason
     WHERE id = :id AND state = 'waiting'
""")


def resolve_payment(
    conn: Connection,
    payment_ref: str,
    *,
    partner_code: str,
    actor: Actor,
    now: datetime,
    provider: str = "stripe",
) -> int:
    """Say whose sale a waiting payment is and return the sale's id; what went back of it is taken off at once.

    A sale of the same booking that a file told of is that sale; a second payment of one booking is a sale of its own.
    Refuses NotAllowed, UnknownPayment, PaymentDecided, UnknownPartner, PaymentInOtherCurrency, NoSuchSales, SoldOtherwise.
    """
    actor.must("resolve payments")
    payment = _waiting(conn, provider, payment_ref)
    directory = open_directory(conn, [partner_code], now=now)
    partner = directory.partners.get(partner_code)
    if partner is None:
        raise UnknownPartner(partner=partner_code)
    program = directory.programs_by_id[partner.program_id]
    if program.currency != payment.currency:
        amount = Amount(payment.amount_minor, payment.currency)
        raise PaymentInOtherCurrency(amount=amount, program=program.code, currency=program.currency)
    policy = directory.policies[program.id].policy
    kind = payment.kind if payment.kind in payable_kinds(policy) else usual_kind(policy)
    if kind is None:
        raise NoSuchSales(program=program.code)
    sale = NewSale(
        program_id=program.id,
        partner_id=partner.id,
        partner_code=partner_code,
        kind=kind,
        source_ref=payment.source_ref,
        occurred_at=payment.occurred_at,
        gross_minor=payment.amount_minor,
        description=payment.description,
    )
    known = find_sales(conn, [sale.key]).get(sale.key)
    if known is not None and known.of_payment:
        sale, known = _own(sale, payment), None
    if known is not None and not known.is_same(sale, by_payment=True):
        raise SoldOtherwise(sale=sale.source_ref)
    if known is None:
        (sale_id,) = record_sales(conn, [sale], directory.versions, actor=actor, now=now)
    else:
        sale_id = known.id
    _decide(conn, payment, "sale", sale_id, "", actor, now)
    # What went back is the provider's word, not the person's.
    settle_refunds(conn, payment.id, sale_id, actor=job_actor("events"), now=now)
    _tell(conn, payment, "payment.resolved", {"partner": partner_code, "sale": sale_id}, actor, now)
    return sale_id


def _own(sale: NewSale, payment: Payment) -> NewSale:
    """The same sale by the payment's own reference."""
    return NewSale(
        sale.program_id,
        sale.partner_id,
        sale.partner_code,
        sale.kind,
        payment.payment_ref,
        sale.occurred_at,
        sale.gross_minor,
        sale.description,
    )


def set_aside_payment(
    conn: Connection, payment_ref: str, *, reason: str, actor: Actor, now: datetime, provider: str = "stripe"
) -> None:
    """Set a waiting payment aside for good: it is no partner's sale.

    Refuses NotAllowed, SettingAsideNeedsReason, UnknownPayment, PaymentDecided.
    """
    actor.must("resolve payments")
    reason = reason.strip()
    if not reason:
        raise SettingAsideNeedsReason
    payment = _waiting(conn, provider, payment_ref)
    _decide(conn, payment, "set_aside", None, reason, actor, now)
    _tell(conn, payment, "payment.set_aside", {"reason": reason}, actor, now)


def _waiting(conn: Connection, provider: str, payment_ref: str) -> Payment:
    payment = lock_payment(conn, provider, payment_ref)
    if payment is None:
        raise UnknownPayment(payment=payment_ref)
    if payment.state != "waiting":
        words = {"sale": "a sale", "set_aside": "set aside", "outside": "paid outside the desk"}
        raise PaymentDecided(payment=payment_ref, state=words[payment.state])
    return payment


def _decide(  # noqa: PLR0917 - the row's columns
    conn: Connection,
    payment: Payment,
    state: Literal["sale", "set_aside"],
    sale_id: int | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    values = {"id": payment.id, "state": state, "sale_id": sale_id, "reason": reason, "actor": actor.name}
    conn.execute(DECIDE, values | {"now": now})


def _tell(  # noqa: PLR0917 - what the trail keeps
    conn: Connection, payment: Payment, action: str, details: dict[str, object], actor: Actor, now: datetime
) -> None:
    told = {
        "payment": payment.payment_ref,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }
    audit.record(
        conn, action, subject="payment", ids=[payment.id], actor=actor, now=now, details=told | details
    )
