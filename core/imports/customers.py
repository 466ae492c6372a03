"""Customers: who referred whom, since when and until when. A later file is an update, kept as history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Connection

from core.access import Actor
from core.commission import FlatMonthly, FlatOnce
from core.customers import Customer, CustomerChange, Known, find_customers, write_customers
from core.days import instant_text
from core.imports.directory import Directory, open_directory
from core.imports.fields import BadField, parse_instant, shown
from core.imports.reading import Column, Row
from core.imports.sorting import Sorted

COLUMNS = (
    Column(name="customer_ref", limit=100, is_key=True),
    Column(name="name", limit=200, required=False),
    Column(name="referral_code", limit=100),
    Column(name="signed_up_at", limit=100),
    Column(name="status", limit=100),
    Column(name="cancelled_at", limit=100, required=False),
)


class CustomersImport:
    """Sorts and writes the customers of one file, 10,000 rows or so at a time."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Known] = {}

    def sort(
        self, conn: Connection, rows: Sequence[Row], *, now: datetime
    ) -> Sorted[Customer, CustomerChange]:
        """Lock what the rows touch and tell new customers from changed, repeated, conflicting and refused ones."""
        directory = open_directory(conn, (row.values.get("referral_code", "") for row in rows), now=now)
        read = [(row, one) for row in rows if (one := _read_customer(row, directory, now=now)) is not None]
        self._look_up(conn, [customer for _, customer in read])
        result: Sorted[Customer, CustomerChange] = Sorted()
        for row, customer in read:
            key = (customer.program_id, customer.ref)
            known = self._known.get(key)
            if known is None:
                self._known[key] = Known(customer=customer, line=row.line)
                result.added.append(customer)
                continue
            change = CustomerChange(known=known, customer=customer)
            column, sentence = _conflict(change)
            if sentence:
                row.refuse(column, sentence)
                result.conflicts.append(row)
            elif change.fields():
                self._known[key] = Known(customer=customer, line=row.line)
                result.changed.append(change)
            else:
                if not known.line:
                    self._known[key] = Known(customer=customer, line=row.line)
                result.unchanged += 1
        return result

    def _look_up(self, conn: Connection, customers: Sequence[Customer]) -> None:
        wanted = {(one.program_id, one.ref) for one in customers}
        keys = [key for key in wanted if key not in self._known]
        self._known |= find_customers(conn, keys)

    def write(
        self,
        conn: Connection,
        found: Sorted[Customer, CustomerChange],
        *,
        import_id: int,
        actor: Actor,
        now: datetime,
    ) -> None:
        """Add new customers, update changed ones, and keep what changed as history."""
        write_customers(conn, found.added, found.changed, actor=actor, now=now, import_id=import_id)


def _read_customer(row: Row, directory: Directory, *, now: datetime) -> Customer | None:
    if row.problems:
        return None
    values = row.values
    code = values["referral_code"]
    partner = directory.partners.get(code)
    if partner is None:
        row.refuse("referral_code", f"There is no partner {shown(code)}.")
    elif not isinstance(directory.policies[partner.program_id].policy.commission, FlatOnce | FlatMonthly):
        program = directory.programs_by_id[partner.program_id].code
        row.refuse("referral_code", f"Partner {code} belongs to {program}, which does not pay by customers.")
    signed_up_at = _instant(row, "signed_up_at", now=now)
    cancelled_at = _instant(row, "cancelled_at", now=now) if values["cancelled_at"] else None
    status = values["status"]
    if status not in {"active", "cancelled"}:
        row.refuse("status", f"{shown(status)} is not a status: write active or cancelled.")
    elif status == "active" and values["cancelled_at"]:
        row.refuse("cancelled_at", "An active customer has no cancelled_at.")
    elif status == "cancelled" and not values["cancelled_at"]:
        row.refuse("cancelled_at", "A cancelled customer needs cancelled_at.")
    if signed_up_at and cancelled_at and cancelled_at < signed_up_at:
        row.refuse("cancelled_at", "cancelled_at is before signed_up_at.")
    if row.problems or partner is None or signed_up_at is None:
        return None
    name = values["name"] or None
    ref = values["customer_ref"]
    return Customer(partner.program_id, partner.id, code, ref, name, signed_up_at, cancelled_at)


def _instant(row: Row, column: str, *, now: datetime) -> datetime | None:
    try:
        return parse_instant(row.values[column], now=now)
    except BadField as fault:
        row.refuse(column, str(fault))
        return None


def _conflict(change: CustomerChange) -> tuple[str, str]:
    """Say what a file may not change: the column and a sentence, both empty when it may."""
    known, old, new = change.known, change.known.customer, change.customer
    if known.line:
        if old != new:
            return (
                "customer_ref",
                f"{new.ref} is already on line {known.line} of this file with other content.",
            )
        return "", ""
    if old.partner_id != new.partner_id:
        return (
            "referral_code",
            f"{new.ref} was referred by {old.partner_code}, not {new.partner_code}: a file cannot re-attribute.",
        )
    if old.signed_up_at != new.signed_up_at and known.has_earnings:
        before, after = instant_text(old.signed_up_at), instant_text(new.signed_up_at)
        return (
            "signed_up_at",
            f"{new.ref} signed up {before} in the books, {after} here, and has been paid for by that date.",
        )
    return "", ""
