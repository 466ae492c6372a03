"""The one search box: a term becomes the payouts and partners it names."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

DIGITS_OF_AN_ID = 18  # always fits a bigint


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The ids a term names: payouts by themselves, and partners whose payouts all match."""

    payout_ids: frozenset[int]
    partner_ids: frozenset[int]


# Each part is reached through an index.
FIND_BY_CODE = text("SELECT id FROM partner WHERE lower(code) LIKE lower(:prefix)")
FIND_BY_CUSTOMER = text("""
    SELECT partner_id FROM customer WHERE program_id IN (SELECT id FROM program) AND ref = :term
""")
FIND_BY_SALE = text("""
    SELECT partner_id FROM sale WHERE program_id IN (SELECT id FROM program) AND source_ref = :term
""")
FIND_BY_PERSON = text("""
    SELECT r.id FROM identity i JOIN partner r ON r.identity_id = i.id WHERE lower(i.name) LIKE lower(:prefix)
     UNION SELECT r.id FROM identity i JOIN partner r ON r.identity_id = i.id WHERE lower(i.email) LIKE lower(:prefix)
     UNION SELECT r.id FROM former_name f JOIN partner r USING (identity_id) WHERE lower(f.value) LIKE lower(:prefix)
     UNION SELECT partner_id FROM destination WHERE account = :term
""")
FIND_PAYOUTS = text("""
    WITH RECURSIVE provider (name) AS (          -- each provider's name by one step through the index
        SELECT min(provider) FROM attempt
         UNION ALL
        SELECT (SELECT min(a.provider) FROM attempt a WHERE a.provider > p.name) FROM provider p WHERE p.name IS NOT NULL
    ), source (earning_id) AS (
        SELECT e.id FROM sale s JOIN earning e ON e.partner_id = s.partner_id AND e.sale_id = s.id
         WHERE s.program_id IN (SELECT id FROM program) AND s.source_ref = :term
         UNION
        SELECT e.id FROM program g CROSS JOIN unnest(CAST(:kinds AS text[])) AS k (kind)
          JOIN earning e ON e.program_id = g.id AND e.kind = k.kind AND e.source_ref = :term
         UNION
        SELECT e.id FROM customer c JOIN earning e ON e.customer_id = c.id
         WHERE c.program_id IN (SELECT id FROM program) AND c.ref = :term
    )
    SELECT id FROM payout WHERE id = CAST(:number AS bigint)
     UNION SELECT a.payout_id FROM provider p JOIN attempt a ON a.provider = p.name AND a.provider_ref = :term
     UNION SELECT payout_id FROM attempt_call WHERE request_id = :term
     UNION SELECT payout_id FROM bank_arrival WHERE bank_ref = :term
     UNION SELECT payout_id FROM reversal WHERE provider_ref = :term
     UNION SELECT i.payout_id FROM source s JOIN payout_item i ON i.earning_id = s.earning_id AND i.live
""")
EARNING_KINDS = (
    "booking",
    "commission",
    "bounty",
    "recurring",
    "period",
    "void",
    "clawback",
    "reinstate",
    "deduction",
    "bonus",
    "carry_out",
    "carry_in",
    "true_up",
    "return",
    "manual",
)


def find_partners(conn: Connection, term: str, *, masked: bool) -> frozenset[int]:
    """Return the partners named by a code's beginning, a customer's or sale's reference, and unless `masked` by
    the beginning of a name or email, of today or before, or by an account.
    """
    term = term.strip()
    by_customer = frozenset(conn.execute(FIND_BY_CUSTOMER, {"term": term}).scalars())
    by_sale = frozenset(conn.execute(FIND_BY_SALE, {"term": term}).scalars())
    return _partners_called(conn, term, masked=masked) | by_customer | by_sale


def beginning(term: str) -> str:
    """Return the pattern of everything that begins with a term, whatever signs are in it."""
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _partners_called(conn: Connection, term: str, *, masked: bool) -> frozenset[int]:
    prefix = beginning(term)
    by_code = frozenset(conn.execute(FIND_BY_CODE, {"prefix": prefix}).scalars())
    if masked:
        return by_code
    return by_code | frozenset(conn.execute(FIND_BY_PERSON, {"term": term, "prefix": prefix}).scalars())


def is_number(term: str) -> bool:
    """Tell whether a term can be a payout's id."""
    digits = term.strip().removeprefix("#")
    return digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_OF_AN_ID


def find_payouts(conn: Connection, term: str, *, masked: bool) -> Matches:
    """Return what a term names: a payout's id (`48213` or `#48213`), a provider's reference of its transfer, of a
    request, of its way to the bank or of a reversal, the live payouts of a sale's, earning's or customer's reference,
    and partners by code, and unless `masked` by name, email, account.
    """
    term = term.strip()
    number = int(term.removeprefix("#")) if is_number(term) else None
    found = conn.execute(FIND_PAYOUTS, {"term": term, "number": number, "kinds": list(EARNING_KINDS)})
    return Matches(
        payout_ids=frozenset(found.scalars()), partner_ids=_partners_called(conn, term, masked=masked)
    )
