"""Customers: who referred whom, since when and until when, told by a file or an event. A change is kept as history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor
from core.copying import copied, copy_into, new_ids
from core.days import instant_text


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer as its source tells it; `cancelled_at` None is active."""

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
    """A known customer and what its source makes of it."""

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


def find_customers(conn: Connection, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], Known]:
    """Return those customers, by program and reference, that are in the books."""
    values = {"program_ids": [program_id for program_id, _ in keys], "refs": [ref for _, ref in keys]}
    found = {}
    for customer_id, *fields, blanked, has_earnings in conn.execute(FIND_CUSTOMERS, values):
        customer = Customer(*fields)
        found[customer.program_id, customer.ref] = Known(
            customer=customer, id=customer_id, blanked=blanked, has_earnings=has_earnings
        )
    return found


def write_customers(
    conn: Connection,
    added: Sequence[Customer],
    changes: Sequence[CustomerChange],
    *,
    actor: Actor,
    now: datetime,
    import_id: int | None = None,
) -> None:
    """Add new customers by COPY, update changed ones, and keep what changed as history."""
    n = len(added)
    ids = list(zip(new_ids(conn, "customer", n), new_ids(conn, "identity", n), added, strict=True))
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
    if not changes:
        return
    rows_changed = [
        (one.known.id, one.customer.name, one.customer.signed_up_at, one.customer.cancelled_at)
        for one in changes
    ]
    definition = "id bigint, name text, signed_up_at timestamptz, cancelled_at timestamptz"
    columns = ("id", "name", "signed_up_at", "cancelled_at")
    with copied(conn, "changed_customer", definition, columns, rows_changed):
        conn.execute(CHANGE_CUSTOMERS)
        conn.execute(CHANGE_NAMES)
    noted = (
        ("customer", one.known.id, name, old, new, import_id, actor.name, now)
        for one in changes
        for name, old, new in one.fields()
    )
    copy_into(conn, "change", CHANGE_COLUMNS, noted)
