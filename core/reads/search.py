"""The one search box: a term becomes the payouts and partners it names."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

LETTERS_OF_A_NAME = 3
DIGITS_OF_AN_ID = 18  # always fits a bigint


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The ids a term names: payouts by themselves, and partners whose payouts all match."""

    payout_ids: frozenset[int]
    partner_ids: frozenset[int]


# Each part is reached through an index. Of several ways to the same thing the first named counts.
PARTNERS_CALLED = """
    WITH found (id, by, place) AS (
        SELECT id, 'code', 0 FROM partner WHERE lower(code) LIKE lower(:prefix)
         UNION ALL
        SELECT r.id, 'name', 1 FROM identity i JOIN partner r ON r.identity_id = i.id
         WHERE :personal AND lower(i.name) LIKE lower(:prefix)
         UNION ALL
        SELECT r.id, 'email', 2 FROM identity i JOIN partner r ON r.identity_id = i.id
         WHERE :personal AND lower(i.email) LIKE lower(:prefix)
         UNION ALL
        SELECT partner_id, 'account', 3 FROM destination WHERE :personal AND account = :term
         UNION ALL
        SELECT r.id, 'former ' || f.kind, 4 FROM former_name f JOIN partner r USING (identity_id)
         WHERE :personal AND lower(f.value) LIKE lower(:prefix)
         UNION ALL                               -- a scan, so only for what looks like a name
        SELECT r.id, 'name', 5 FROM partner r JOIN identity i ON i.id = r.identity_id
         WHERE CAST(:word AS text) IS NOT NULL AND lower(i.name) LIKE lower(:word))
"""
PAYOUTS_NAMED = """
    WITH RECURSIVE provider (name) AS (          -- each provider's name by one step through the index
        SELECT min(provider) FROM attempt
         UNION ALL
        SELECT (SELECT min(a.provider) FROM attempt a WHERE a.provider > p.name) FROM provider p WHERE p.name IS NOT NULL
    ), found (id, by, place) AS (
        SELECT id, 'number', 0 FROM payout WHERE id = CAST(:number AS bigint)
         UNION ALL
        SELECT a.payout_id, 'transfer', 1 FROM provider p JOIN attempt a ON a.provider = p.name AND a.provider_ref = :term
         UNION ALL
        SELECT payout_id, 'request', 2 FROM attempt_call WHERE request_id = :term
         UNION ALL
        SELECT payout_id, 'bank payout', 3 FROM bank_arrival WHERE bank_ref = :term
         UNION ALL
        SELECT payout_id, 'reversal', 4 FROM reversal WHERE provider_ref = :term
         UNION ALL
        SELECT i.payout_id, 'sale', 5 FROM sale s JOIN earning e ON e.partner_id = s.partner_id AND e.sale_id = s.id
          JOIN payout_item i ON i.earning_id = e.id AND i.live
         WHERE s.program_id IN (SELECT id FROM program) AND s.source_ref = :term
         UNION ALL
        SELECT i.payout_id, 'earning', 6 FROM program g CROSS JOIN unnest(CAST(:kinds AS text[])) AS k (kind)
          JOIN earning e ON e.program_id = g.id AND e.kind = k.kind AND e.source_ref = :term
          JOIN payout_item i ON i.earning_id = e.id AND i.live
         UNION ALL
        SELECT i.payout_id, 'customer', 7 FROM customer c JOIN earning e ON e.customer_id = c.id
          JOIN payout_item i ON i.earning_id = e.id AND i.live
         WHERE c.program_id IN (SELECT id FROM program) AND c.ref = :term)
"""
FIND_PARTNERS = text(f"{PARTNERS_CALLED} SELECT DISTINCT id FROM found")  # noqa: S608 - our own part
FIND_PAYOUTS = text(f"{PAYOUTS_NAMED} SELECT DISTINCT id FROM found")  # noqa: S608 - our own part
FIND_BY_CUSTOMER = text("""
    SELECT partner_id FROM customer WHERE program_id IN (SELECT id FROM program) AND ref = :term
""")
FIND_BY_SALE = text("""
    SELECT partner_id FROM sale WHERE program_id IN (SELECT id FROM program) AND source_ref = :term
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
    the beginning of a name, of a later word of it or of an email, of today or before, or by an account.
    """
    term = term.strip()
    by_customer = frozenset(conn.execute(FIND_BY_CUSTOMER, {"term": term}).scalars())
    by_sale = frozenset(conn.execute(FIND_BY_SALE, {"term": term}).scalars())
    return _partners_called(conn, term, masked=masked) | by_customer | by_sale


def beginning(term: str) -> str:
    """Return the pattern of everything that begins with a term, whatever signs are in it."""
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def wanted(term: str, *, masked: bool) -> dict[str, object]:
    """Return what the parts above ask for; with `masked`, nothing personal."""
    return {
        "term": term,
        "prefix": beginning(term),
        "number": int(term.removeprefix("#")) if is_number(term) else None,
        "kinds": list(EARNING_KINDS),
        "personal": not masked,
        "word": None if masked or not _like_a_name(term) else f"% {beginning(term)}",
    }


def _like_a_name(term: str) -> bool:
    """Whether a term may be a later word of a name, a family name: references, codes and accounts have digits."""
    return len(term) >= LETTERS_OF_A_NAME and not any(sign.isdigit() or sign in "@_" for sign in term)


def _partners_called(conn: Connection, term: str, *, masked: bool) -> frozenset[int]:
    return frozenset(conn.execute(FIND_PARTNERS, wanted(term, masked=masked)).scalars())


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
    found = conn.execute(FIND_PAYOUTS, wanted(term, masked=masked))
    return Matches(
        payout_ids=frozenset(found.scalars()), partner_ids=_partners_called(conn, term, masked=masked)
    )
