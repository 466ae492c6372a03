"""Customers: who referred whom, since when and until when. A later file is an update, kept as history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Connection, text

from core.access import Actor
from core.commission import FlatMonthly, FlatOnce
from core.copying import copied, copy_into, new_ids
from core.imports.directory import Directory, open_directory
from core.imports.fields import BadField, instant_text, parse_instant, shown
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


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer as the file tells it; `cancelled_at` None is active."""

    program_id: int
    partner_id: int
    partner_code: str
    ref: str
    name: str | None
    signed_up_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A customer that came before: in the books (line 0) or on an earlier line of the same file."""

    customer: Customer
    id: int = 0
    blanked: bool = False
    has_earnings: bool = False
    line: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerChange:
    """A known customer and what the file makes of it."""

    known: Known
    customer: Customer

    def fields(self) -> list[tuple[str, str | None, str | None]]:
        """Name what differs with old and new value; a name's values stay out."""
        old, new = self.known.customer, self.customer
        found: list[tuple[str, str | None, str | None]] = []
        if old.name != new.name and not self.known.blanked:
            found.append(("name", None, None))
        for name in ("signed_up_at", "cancelled_at"):
            before, after = getattr(old, name), getattr(new, name)
            if before != after:
                found.append((name, instant_text(before) or None, instant_text(after) or None))
        return found


FIND_CUSTOMERS = text("""
    SELECT c.id, c.program_id, c.partner_id, p.code AS partner_code, c.ref, i.name, c.signed_up_at, c.cancelled_at,
           i.blanked_at IS NOT NULL AS blanked,
           EXISTS (SELECT 1 FROM earning e WHERE e.customer_id = c.id) AS has_earnings
      FROM unnest(CAST(:program_ids AS int[]), CAST(:refs AS text[])) AS w (program_id, ref)
      JOIN customer c USING (program_id, ref)
      JOIN partner p ON p.id = c.partner_id
      JOIN identity i ON i.id = c.identity_id
""")
CUSTOMER_COLUMNS = (
    "id",
    "program_id",
    "partner_id",
    "ref",
    "identity_id",
    "signed_up_at",
    "cancelled_at",
    "created_at",
)
CHANGE_CUSTOMERS = text("""
    UPDATE customer c SET signed_up_at = n.signed_up_at, cancelled_at = n.cancelled_at
      FROM changed_customer n WHERE c.id = n.id
""")
CHANGE_NAMES = text("""
    UPDATE identity i SET name = n.name
      FROM changed_customer n JOIN customer c ON c.id = n.id
     WHERE i.id = c.identity_id AND i.blanked_at IS NULL AND i.name IS DISTINCT FROM n.name
""")
CHANGE_COLUMNS = ("subject", "subject_id", "field", "old_value", "new_value", "import_id", "made_by", "at")


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
        values = {"program_ids": [program_id for program_id, _ in keys], "refs": [ref for _, ref in keys]}
        for customer_id, *fields, blanked, has_earnings in conn.execute(FIND_CUSTOMERS, values):
            customer = Customer(*fields)
            self._known[customer.program_id, customer.ref] = Known(
                customer=customer, id=customer_id, blanked=blanked, has_earnings=has_earnings
            )

    def write(
        self,
        conn: Connection,
        found: Sorted[Customer, CustomerChange],
        *,
        import_id: int,
        actor: Actor,
        now: datetime,
    ) -> None:
        """Add new customers by COPY, update changed ones, and keep what changed as history."""
        n = len(found.added)
        ids = list(zip(new_ids(conn, "customer", n), new_ids(conn, "identity", n), found.added, strict=True))
        copy_into(conn, "identity", ("id", "name"), ((identity_id, one.name) for _, identity_id, one in ids))
        rows = (
            (
                customer_id,
                one.program_id,
                one.partner_id,
                one.ref,
                identity_id,
                one.signed_up_at,
                one.cancelled_at,
                now,
            )
            for customer_id, identity_id, one in ids
        )
        copy_into(conn, "customer", CUSTOMER_COLUMNS, rows)
        if not found.changed:
            return
        changed = [
            (one.known.id, one.customer.name, one.customer.signed_up_at, one.customer.cancelled_at)
            for one in found.changed
        ]
        definition = "id bigint, name text, signed_up_at timestamptz, cancelled_at timestamptz"
        columns = ("id", "name", "signed_up_at", "cancelled_at")
        with copied(conn, "changed_customer", definition, columns, changed):
            conn.execute(CHANGE_CUSTOMERS)
            conn.execute(CHANGE_NAMES)
        noted = (
            ("customer", one.known.id, name, old, new, import_id, actor.name, now)
            for one in found.changed
            for name, old, new in one.fields()
        )
        copy_into(conn, "change", CHANGE_COLUMNS, noted)


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
