"""Customers referred by a partner, as a provider shows them now: made once, kept, ended, and begun again when they are back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.commission import FlatMonthly, FlatOnce
from core.customers import Customer, CustomerChange, Known, find_customers, write_customers
from core.imports.directory import open_directory
from core.programs import UnknownPartner


@dataclass(frozen=True, kw_only=True)
class SeenCustomer:
    """A customer as the provider shows them now, with all of their subscriptions.

    `partner_code` is who referred them, None where it is not said. `began_at` is when the latest subscription began,
    `ended_at` when the last one ended; None while one runs, or when there never was one.
    """

    ref: str
    partner_code: str | None
    name: str | None
    signed_up_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None


# A customer that was deleted there no longer says who referred them; the desk knows.
REFERRED_BY = text("""
    SELECT p.code FROM program g JOIN customer c ON c.program_id = g.id AND c.ref = :ref JOIN partner p ON p.id = c.partner_id
     ORDER BY c.id LIMIT 1
""")


def take_in_customer(conn: Connection, seen: SeenCustomer, *, actor: Actor, now: datetime) -> str:
    """Make, keep or end a referred customer and return what was done in a few words; again changes nothing.

    Who referred a known customer and since when stays as it is in the books. Refuses UnknownPartner.
    """
    code = seen.partner_code or conn.execute(REFERRED_BY, {"ref": seen.ref}).scalar()
    if code is None:
        return "not referred"
    directory = open_directory(conn, [code], now=now)
    partner = directory.partners.get(code)
    if partner is None:
        raise UnknownPartner(partner=code)
    if not isinstance(directory.policies[partner.program_id].policy.commission, FlatOnce | FlatMonthly):
        return f"{directory.programs_by_id[partner.program_id].code} does not pay by customers"
    customer = Customer(
        partner.program_id,
        partner.id,
        code,
        seen.ref,
        seen.name,
        seen.signed_up_at,
        _end(seen, seen.signed_up_at),
    )
    key = (customer.program_id, customer.ref)
    known = find_customers(conn, [key]).get(key)
    if known is None:
        write_customers(conn, [customer], [], actor=actor, now=now)
        known = find_customers(conn, [key])[key]
        return _tell(conn, "customer.referred", known.id, "referred", code, actor=actor, now=now)
    if known.customer.partner_id != customer.partner_id:
        return f"referred by {known.customer.partner_code} already"
    change = CustomerChange(known=known, customer=_changed(known, seen))
    if not change.fields():
        return "known"
    write_customers(conn, [], [change], actor=actor, now=now)
    said = ", ".join(f"{name.replace('_', ' ')} changed" for name, _, _ in change.fields())
    return _tell(conn, "customer.changed", known.id, said, code, actor=actor, now=now)


def _changed(known: Known, seen: SeenCustomer) -> Customer:
    """A known customer as they are now. An end stays unless a subscription began after it: older answers undo nothing."""
    before = known.customer
    ended_at = _end(seen, before.signed_up_at)
    cancelled_at = before.cancelled_at
    if cancelled_at is None or (seen.began_at is not None and seen.began_at > cancelled_at):
        cancelled_at = ended_at
    return replace(before, name=before.name or seen.name, cancelled_at=cancelled_at)


def _end(seen: SeenCustomer, signed_up_at: datetime) -> datetime | None:
    return None if seen.ended_at is None else max(seen.ended_at, signed_up_at)


def _tell(
    conn: Connection, action: str, customer_id: int, said: str, code: str, *, actor: Actor, now: datetime
) -> str:
    details = {"partner": code, "what": said}
    audit.record(conn, action, subject="customer", ids=[customer_id], actor=actor, now=now, details=details)
    return said
