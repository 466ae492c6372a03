"""Sales: what happened at the source, told by a file or a payment, priced into earnings by the same rules."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from core.access import Actor
from core.copying import copy_into, new_ids
from core.earnings import NewEarning, record_earnings
from core.maturity import Maturity
from core.pricing import price_sale
from core.programs import PolicyVersions
from core.telling import tell_of_sales

SaleKey = tuple[int, str]  # program and reference: a sale is known by these


@dataclass(frozen=True, slots=True)
class NewSale:
    """One sale as its source tells it; `gross_minor` in the program's currency."""

    program_id: int
    partner_id: int
    partner_code: str
    kind: str
    source_ref: str
    occurred_at: datetime
    gross_minor: int
    description: str

    @property
    def key(self) -> SaleKey:
        """What a sale is known by."""
        return self.program_id, self.source_ref

    def content_hash(self) -> bytes:
        """Tell the same sale again from another one under the same reference."""
        instant = self.occurred_at.astimezone(UTC).isoformat()
        parts = (self.partner_code, self.kind, instant, str(self.gross_minor), self.description)
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class KnownSale:
    """A sale of the books; `of_payment` tells that a payment is kept beside it, `by_payment` that it made the sale."""

    id: int
    sale: NewSale
    content_hash: bytes
    of_payment: bool
    by_payment: bool

    def is_same(self, told: NewSale, *, by_payment: bool = False) -> bool:
        """Whether this is the same sale told again.

        A payment and a file may each tell it in their own words and to their own second; a file twice may not.
        """
        if by_payment or self.by_payment:
            mine = (self.sale.partner_id, self.sale.kind, self.sale.gross_minor)
            return mine == (told.partner_id, told.kind, told.gross_minor)
        return self.content_hash == told.content_hash()


FIND_SALES = text("""
    SELECT s.id, s.program_id, s.partner_id, p.code AS partner_code, s.kind, s.source_ref, s.occurred_at, s.gross_minor,
           s.description, s.content_hash, y.id IS NOT NULL AS of_payment,
           y.id IS NOT NULL AND s.import_id IS NULL AS by_payment
      FROM unnest(CAST(:program_ids AS int[]), CAST(:source_refs AS text[])) AS w (program_id, source_ref)
      JOIN sale s USING (program_id, source_ref)
      JOIN partner p ON p.id = s.partner_id
      LEFT JOIN payment y ON y.sale_id = s.id
""")


def find_sales(conn: Connection, keys: Collection[SaleKey]) -> dict[SaleKey, KnownSale]:
    """Return those of these sales that are in the books."""
    values = {"program_ids": [program_id for program_id, _ in keys], "source_refs": [ref for _, ref in keys]}
    found = {}
    for sale_id, *fields, content_hash, of_payment, by_payment in conn.execute(FIND_SALES, values):
        sale = NewSale(*fields)
        found[sale.key] = KnownSale(sale_id, sale, bytes(content_hash), of_payment, by_payment)
    return found


SALE_COLUMNS = (
    "id",
    "program_id",
    "partner_id",
    "kind",
    "source_ref",
    "occurred_at",
    "gross_minor",
    "description",
    "content_hash",
    "import_id",
)


def record_sales(
    conn: Connection,
    sales: Sequence[NewSale],
    versions: Mapping[int, PolicyVersions],
    *,
    actor: Actor,
    now: datetime,
    import_id: int | None = None,
) -> list[int]:
    """Add new sales by COPY, and the earnings of those that are priced one by one; returns the sales' ids in order.

    `versions` are the policies by program. The caller holds the partners' balance rows and knows that no sale of the
    same key is in the books.
    """
    ids = new_ids(conn, "sale", len(sales))
    rows = (
        (
            sale_id,
            sale.program_id,
            sale.partner_id,
            sale.kind,
            sale.source_ref,
            sale.occurred_at,
            sale.gross_minor,
            sale.description,
            sale.content_hash(),
            import_id,
        )
        for sale_id, sale in zip(ids, sales, strict=True)
    )
    copy_into(conn, "sale", SALE_COLUMNS, rows)
    maturity = Maturity(conn, {sale.partner_id for sale in sales})
    earnings = [
        earning
        for sale_id, sale in zip(ids, sales, strict=True)
        if (earning := _price(sale, sale_id, versions[sale.program_id], maturity)) is not None
    ]
    record_earnings(conn, earnings, actor=actor, now=now, import_id=import_id)
    _tell(conn, sales, ids, versions, actor=actor, now=now)
    return ids


def _tell(
    conn: Connection,
    sales: Sequence[NewSale],
    ids: Sequence[int],
    versions: Mapping[int, PolicyVersions],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Tell the partners who want to hear of their sales; what is taken off them is no sale."""
    told_by_program = [
        program_id
        for program_id, known in versions.items()
        if known.pricing(now).policy.messages.sale_confirmed
    ]
    by_partner: dict[int, list[int]] = defaultdict(list)
    for sale_id, sale in zip(ids, sales, strict=True):
        if sale.gross_minor > 0:
            by_partner[sale.partner_id].append(sale_id)
    tell_of_sales(conn, by_partner, told_by_program=told_by_program, made_by=actor.name, now=now)


def _price(sale: NewSale, sale_id: int, versions: PolicyVersions, maturity: Maturity) -> NewEarning | None:
    """Price one sale into its earning by the policy in force when it happened; None where it is paid with its month."""
    terms = versions.pricing(sale.occurred_at)
    split = price_sale(terms.policy, kind=sale.kind, gross_minor=sale.gross_minor)
    if split is None or split.net_minor == 0:  # a cent's share may round to nothing
        return None
    is_deduction = sale.kind in terms.policy.deduction_kinds
    matures = timedelta(0) if is_deduction else maturity.of(sale.partner_id, terms)
    return NewEarning(
        program_id=sale.program_id,
        partner_id=sale.partner_id,
        kind=sale.kind,
        source_ref=sale.source_ref,
        amount_minor=split.net_minor,
        gross_minor=split.gross_minor,
        fee_minor=split.fee_minor,
        occurred_at=sale.occurred_at,
        release_at=sale.occurred_at + matures,
        sale_id=sale_id,
        policy_id=terms.id,
    )
