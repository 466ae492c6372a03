"""Find anything: one term, and every partner, payout, customer and sale it names, each saying by what it was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.reads.partner import CORRECTIONS as KINDS
from core.reads.search import PARTNERS_CALLED, PAYOUTS_NAMED, wanted

SHOWN = 10  # of a kind; more than that is no answer


@dataclass(frozen=True, kw_only=True)
class FoundPartner:
    """A partner and `by` what: code, name, email, former name, former email, account."""

    code: str
    name: str | None
    program: str
    status: str
    by: str


@dataclass(frozen=True, kw_only=True)
class FoundPayout:
    """A payout and `by` what: number, transfer, request, bank payout, reversal, sale, customer. Amount in minor units."""

    id: int
    partner_code: str
    partner_name: str | None
    net_minor: int
    currency: str
    status: str
    by: str


@dataclass(frozen=True, kw_only=True)
class FoundCustomer:
    """A referred customer and `by` what: reference, name, email; and the partner who referred them."""

    id: int
    ref: str
    name: str | None
    partner_code: str
    program: str
    cancelled_at: datetime | None
    by: str


@dataclass(frozen=True, kw_only=True)
class FoundSale:
    """A sale and `by` what: reference, payment; gross in minor units; what it earned by itself and the live payout it went
    into, if any.
    """

    source_ref: str
    kind: str
    gross_minor: int
    currency: str
    occurred_at: datetime
    partner_code: str
    earning_id: int | None
    payout_id: int | None
    by: str


@dataclass(frozen=True, kw_only=True)
class FoundCorrection:
    """A correction by its own reference, a refund's or an entry's; the amount in minor units, and its live payout, if any."""

    id: int
    kind: str
    source_ref: str
    amount_minor: int
    currency: str
    partner_code: str
    payout_id: int | None


Found = FoundPartner | FoundPayout | FoundCustomer | FoundSale | FoundCorrection


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything a term names, up to ten of a kind; `more` are the kinds that have others."""

    term: str
    partners: tuple[FoundPartner, ...]
    payouts: tuple[FoundPayout, ...]
    customers: tuple[FoundCustomer, ...]
    sales: tuple[FoundSale, ...]
    corrections: tuple[FoundCorrection, ...]
    more: frozenset[str]

    @property
    def count(self) -> int:
        """How many were found."""
        others = len(self.customers) + len(self.sales) + len(self.corrections)
        return len(self.partners) + len(self.payouts) + others

    @property
    def one(self) -> Found | None:
        """The one thing that is meant: a payout's number, a partner's whole code, else the only thing there is.

        A customer's or sale's reference means the payout it went into where that is the only one.
        """
        numbered = [payout for payout in self.payouts if payout.by == "number"]
        if numbered:
            return numbered[0]
        called = [one for one in self.partners if one.by == "code" and one.code.lower() == self.term.lower()]
        if called and not self.payouts:
            return called[0]
        if len(self.payouts) == 1 and not self.partners and len(self.customers) + len(self.sales) <= 1:
            return self.payouts[0]
        everything: list[Found] = [*self.partners, *self.customers, *self.sales, *self.corrections]
        return everything[0] if self.count == 1 else None


# Of several ways to the same thing the first named counts: a code is more than a name that begins like it.
PARTNERS = text(f"""
    {PARTNERS_CALLED}
    SELECT r.code, CASE WHEN :personal THEN i.name END AS name, g.name AS program, r.status, b.by
      FROM (SELECT DISTINCT ON (id) id, by, place FROM found ORDER BY id, place) b
      JOIN partner r USING (id) JOIN identity i ON i.id = r.identity_id JOIN program g ON g.id = r.program_id
     ORDER BY lower(r.code) <> lower(:term), b.place, r.code LIMIT :limit
""")  # noqa: S608 - our own parts
PAYOUTS = text(f"""
    {PAYOUTS_NAMED}
    SELECT p.id, r.code AS partner_code, CASE WHEN :personal THEN i.name END AS partner_name, p.net_minor, p.currency,
           p.status, b.by
      FROM (SELECT DISTINCT ON (id) id, by, place FROM found ORDER BY id, place) b
      JOIN payout p USING (id) JOIN partner r ON r.id = p.partner_id JOIN identity i ON i.id = r.identity_id
     ORDER BY b.place, p.id DESC LIMIT :limit
""")  # noqa: S608 - our own parts
CUSTOMERS = text("""
    WITH found (id, by, place) AS (
        SELECT id, 'reference', 0 FROM customer WHERE program_id IN (SELECT id FROM program) AND ref = :term
         UNION ALL
        SELECT c.id, 'name', 1 FROM identity i JOIN customer c ON c.identity_id = i.id
         WHERE :personal AND lower(i.name) LIKE lower(:prefix)
         UNION ALL
        SELECT c.id, 'email', 2 FROM identity i JOIN customer c ON c.identity_id = i.id
         WHERE :personal AND lower(i.email) LIKE lower(:prefix)
         UNION ALL
        SELECT c.id, 'name', 3 FROM identity i JOIN customer c ON c.identity_id = i.id
         WHERE CAST(:word AS text) IS NOT NULL AND lower(i.name) LIKE lower(:word))
    SELECT c.id, c.ref, CASE WHEN :personal THEN i.name END AS name, r.code AS partner_code, g.name AS program,
           c.cancelled_at, b.by
      FROM (SELECT DISTINCT ON (id) id, by, place FROM found ORDER BY id, place) b
      JOIN customer c USING (id) JOIN identity i ON i.id = c.identity_id JOIN partner r ON r.id = c.partner_id
      JOIN program g ON g.id = c.program_id
     ORDER BY b.place, c.ref LIMIT :limit
""")
SALES = text("""
    WITH found (id, by, place) AS (
        SELECT id, 'reference', 0 FROM sale WHERE program_id IN (SELECT id FROM program) AND source_ref = :term
         UNION ALL
        SELECT sale_id, 'payment', 1 FROM payment
         WHERE sale_id IS NOT NULL AND payment_ref = :term
         UNION ALL
        SELECT sale_id, 'payment', 1 FROM payment
         WHERE sale_id IS NOT NULL AND charge_ref = :term)
    SELECT s.source_ref, s.kind, s.gross_minor, g.currency, s.occurred_at, r.code AS partner_code,
           (SELECT min(e.id) FROM earning e WHERE e.partner_id = s.partner_id AND e.sale_id = s.id) AS earning_id,
           (SELECT max(i.payout_id) FROM earning e JOIN payout_item i ON i.earning_id = e.id AND i.live
             WHERE e.partner_id = s.partner_id AND e.sale_id = s.id) AS payout_id, b.by
      FROM (SELECT DISTINCT ON (id) id, by, place FROM found ORDER BY id, place) b
      JOIN sale s USING (id) JOIN program g ON g.id = s.program_id JOIN partner r ON r.id = s.partner_id
     ORDER BY b.place, s.occurred_at DESC LIMIT :limit
""")

CORRECTIONS = text("""
    SELECT e.id, e.kind, e.source_ref, e.amount_minor, g.currency, r.code AS partner_code, i.payout_id
      FROM program g CROSS JOIN unnest(CAST(:corrections AS text[])) AS k (kind)
      JOIN earning e ON e.program_id = g.id AND e.kind = k.kind AND e.source_ref = :term
      JOIN partner r ON r.id = e.partner_id
      LEFT JOIN payout_item i ON i.earning_id = e.id AND i.live
     ORDER BY e.id DESC LIMIT :limit
""")


def find_anything(conn: Connection, term: str, *, masked: bool) -> Findings:
    """Return what a term names. Beginnings count for codes, emails and the words of names, the whole for every reference.

    With `masked`, names, emails and accounts are neither searched nor returned.
    """
    term = term.replace("\x00", "").strip()
    if not term:
        return Findings(
            term="", partners=(), payouts=(), customers=(), sales=(), corrections=(), more=frozenset()
        )
    asked = wanted(term, masked=masked) | {"limit": SHOWN + 1, "corrections": list(KINDS)}
    partners = [FoundPartner(**row) for row in conn.execute(PARTNERS, asked).mappings()]
    payouts = [FoundPayout(**row) for row in conn.execute(PAYOUTS, asked).mappings()]
    customers = [FoundCustomer(**row) for row in conn.execute(CUSTOMERS, asked).mappings()]
    sales = [FoundSale(**row) for row in conn.execute(SALES, asked).mappings()]
    corrections = [FoundCorrection(**row) for row in conn.execute(CORRECTIONS, asked).mappings()]
    counted = {
        "partners": len(partners),
        "payouts": len(payouts),
        "customers": len(customers),
        "sales": len(sales),
        "corrections": len(corrections),
    }
    return Findings(
        term=term,
        partners=tuple(partners[:SHOWN]),
        payouts=tuple(payouts[:SHOWN]),
        customers=tuple(customers[:SHOWN]),
        sales=tuple(sales[:SHOWN]),
        corrections=tuple(corrections[:SHOWN]),
        more=frozenset(kind for kind, count in counted.items() if count > SHOWN),
    )
