"""Payments of customers: each becomes the partner's sale, waits for a person, or has paid the partner outside the desk.

A payment is always taken in whole, as the provider shows it now: itself, its refunds, its disputes. So duplicates and any
order of events end at the same books, and an answer that comes late changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.commission import External
from core.imports.directory import Directory, open_directory
from core.payment_refunds import SeenRefund, keep_refunds, settle_refunds
from core.policy import Policy
from core.sales import NewSale, find_sales, record_sales

Why = Literal[
    "no_partner", "unknown_partner", "other_program", "wrong_currency", "kind_not_taken", "known_otherwise"
]


@dataclass(frozen=True, kw_only=True)
class SeenPayment:
    """A payment that succeeded, as the provider shows it now; amounts in minor units, empty words None.

    `partner_code`, `program`, `kind` and `booking` are what it says of the sale, right or wrong. With a `destination` it
    has paid that account itself, `transferred_minor` of it where the provider says how much.
    """

    provider: str
    ref: str
    charge_ref: str | None
    amount_minor: int
    currency: str
    occurred_at: datetime
    partner_code: str | None = None
    program: str | None = None
    kind: str | None = None
    booking: str | None = None
    description: str = ""
    destination: str | None = None
    transferred_minor: int | None = None
    refunds: Sequence[SeenRefund] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment as the desk keeps it."""

    id: int
    provider: str
    payment_ref: str
    source_ref: str
    amount_minor: int
    currency: str
    occurred_at: datetime
    kind: str | None
    description: str
    state: Literal["sale", "waiting", "set_aside", "outside"]
    sale_id: int | None
    decided_by: str | None


# One after the other what is done about one payment: before every other lock, as an event does not know its partner yet.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('payment:' || :provider || ':' || :ref, 0))")
READ = text("""
    SELECT id, provider, payment_ref, source_ref, amount_minor, currency, occurred_at, kind, description, state, sale_id,
           decided_by
      FROM payment WHERE provider = :provider AND payment_ref = :ref
""")


def lock_payment(conn: Connection, provider: str, ref: str) -> Payment | None:
    """Hold a payment until the end of the transaction and return it, None when it has never been seen."""
    who = {"provider": provider, "ref": ref}
    conn.execute(LOCK, who)
    row = conn.execute(READ, who).mappings().one_or_none()
    return None if row is None else Payment(**row)


ADD = text("""
    INSERT INTO payment (provider, payment_ref, charge_ref, source_ref, amount_minor, currency, occurred_at, partner_code,
                         kind, description, destination, transferred_minor, state, why, sale_id, seen_at)
    VALUES (:provider, :ref, :charge_ref, :source_ref, :amount_minor, :currency, :occurred_at, :partner_code,
            :kind, :description, :destination, :transferred_minor, :state, :why, :sale_id, :now)
""")


def take_in_payment(conn: Connection, seen: SeenPayment, *, actor: Actor, now: datetime) -> str:
    """Take a payment in, with what went back of it, and return in a few words what it came to; again changes nothing.

    It becomes a sale once, priced like one of a file; what it does not say, or says wrongly, waits for a person.
    """
    payment = lock_payment(conn, seen.provider, seen.ref)
    said = []
    if payment is None:
        said.append(_take_in_first(conn, seen, actor=actor, now=now))
        payment = lock_payment(conn, seen.provider, seen.ref)
        assert payment is not None
    keep_refunds(conn, payment.id, seen.provider, seen.refunds, now=now)
    if payment.sale_id is not None:
        said += settle_refunds(conn, payment.id, payment.sale_id, actor=actor, now=now)
    return "; ".join(said) or f"known: {payment.state.replace('_', ' ')}"


def _take_in_first(conn: Connection, seen: SeenPayment, *, actor: Actor, now: datetime) -> str:
    values: dict[str, object] = {
        name: getattr(seen, name)
        for name in (
            "provider",
            "ref",
            "charge_ref",
            "amount_minor",
            "currency",
            "occurred_at",
            "partner_code",
        )
    }
    values |= {"kind": seen.kind, "description": seen.description, "source_ref": seen.booking or seen.ref}
    values |= {"destination": None, "transferred_minor": None, "why": None, "sale_id": None, "now": now}
    if seen.destination is not None:
        values |= {"destination": seen.destination, "transferred_minor": seen.transferred_minor}
        conn.execute(ADD, values | {"state": "outside"})
        return _tell(conn, seen, "paid outside", {"destination": seen.destination}, actor=actor, now=now)
    directory = open_directory(conn, [seen.partner_code or ""], now=now)
    sale = _sale_it_names(seen, directory)
    known = find_sales(conn, [sale.key]).get(sale.key) if isinstance(sale, NewSale) else None
    if isinstance(sale, NewSale) and known is None:
        (sale_id,) = record_sales(conn, [sale], directory.versions, actor=actor, now=now)
        conn.execute(ADD, values | {"state": "sale", "sale_id": sale_id})
        return _tell(
            conn, seen, "sale", {"sale": sale_id, "partner": sale.partner_code}, actor=actor, now=now
        )
    if isinstance(sale, NewSale) and known is not None:
        if known.is_same(sale, by_payment=True) and not known.of_payment:
            conn.execute(ADD, values | {"state": "sale", "sale_id": known.id})
            return _tell(conn, seen, "sale known", {"sale": known.id}, actor=actor, now=now)
        sale = "known_otherwise"
    conn.execute(ADD, values | {"state": "waiting", "why": sale})
    return _tell(conn, seen, "waiting", {"why": sale}, actor=actor, now=now)


def _sale_it_names(seen: SeenPayment, directory: Directory) -> NewSale | Why:
    """The sale that a payment says it is, or why it cannot be one yet."""
    if seen.partner_code is None:
        return "no_partner"
    partner = directory.partners.get(seen.partner_code)
    if partner is None:
        return "unknown_partner"
    program = directory.programs_by_id[partner.program_id]
    if seen.program not in {None, program.code}:
        return "other_program"
    if seen.currency != program.currency:
        return "wrong_currency"
    policy = directory.policies[program.id].policy
    kind = seen.kind
    # Where commissions are worked out elsewhere, what a customer paid is none: only a payment that says so is.
    if kind is None and not isinstance(policy.commission, External):
        kind = usual_kind(policy)
    if kind is None or kind not in payable_kinds(policy):
        return "kind_not_taken"
    return NewSale(
        program_id=program.id,
        partner_id=partner.id,
        partner_code=seen.partner_code,
        kind=kind,
        source_ref=seen.booking or seen.ref,
        occurred_at=seen.occurred_at,
        gross_minor=seen.amount_minor,
        description=seen.description,
    )


def payable_kinds(policy: Policy) -> list[str]:
    """The kinds of sale that a payment may be: a deduction is none."""
    return [kind for kind in policy.sale_kinds if kind not in policy.deduction_kinds]


def usual_kind(policy: Policy) -> str | None:
    """The kind of a sale where the payment does not say it: the program's first; None where it takes no sales."""
    return next(iter(payable_kinds(policy)), None)


PAYMENT_ID = text("SELECT id FROM payment WHERE provider = :provider AND payment_ref = :ref")


def _tell(
    conn: Connection,
    seen: SeenPayment,
    outcome: str,
    details: dict[str, object],
    *,
    actor: Actor,
    now: datetime,
) -> str:
    payment_id = conn.execute(PAYMENT_ID, {"provider": seen.provider, "ref": seen.ref}).scalar_one()
    told = {"payment": seen.ref, "amount_minor": seen.amount_minor, "currency": seen.currency} | details
    action = f"payment.{outcome.replace(' ', '_')}"
    audit.record(conn, action, subject="payment", ids=[payment_id], actor=actor, now=now, details=told)
    return outcome
