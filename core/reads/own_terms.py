"""A partner's own terms in words, by the names the terms in force have too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.money_words import written
from core.policy import Overrides
from core.programs import UnknownPartner
from core.reads import words
from core.reads.terms import days_words, fee_words, schedule_words


def own_lines(terms: Overrides, currency: str) -> dict[str, str]:
    """Return what a partner has of its own, by term and in words; what is not said is missing."""
    said: dict[str, str] = {}
    if terms.schedule is not None:
        said["Paid"] = schedule_words(terms.schedule)
    if terms.auto_payout_enabled is not None:
        said["Policy may approve"] = "yes" if terms.auto_payout_enabled else "no"
    amounts = {"Minimum payout": terms.min_payout_minor, "Most a month": terms.max_per_partner_month_minor}
    said |= {name: written(minor, currency) for name, minor in amounts.items() if minor is not None}
    held = {
        "Held after the event": terms.hold_days,
        "Held while new": terms.new_partner_days,
        "Held after a new destination": terms.destination_change_days,
    }
    said |= {name: days_words(days) for name, days in held.items() if days is not None}
    said |= {
        f"Fee by {words.METHOD_WORDS[method]}": fee_words(fee, currency) for method, fee in terms.fees.items()
    }
    return said


def own_changes(
    before: Overrides | Mapping[str, object], after: Overrides | Mapping[str, object], currency: str
) -> list[tuple[str, str | None, str | None]]:
    """Return what differs between two sets of a partner's own terms: the term, before and after; None where none is said."""
    old, new = (own_lines(Overrides.model_validate(terms), currency) for terms in (before, after))
    return [
        (term, old.get(term), new.get(term))
        for term in dict.fromkeys([*old, *new])
        if old.get(term) != new.get(term)
    ]


@dataclass(frozen=True, kw_only=True)
class OwnTerms:
    """What a partner has of its own; `version` counts the changes."""

    partner_id: int
    program_id: int
    currency: str
    terms: Overrides
    version: int


OWN = text("""
    SELECT p.id AS partner_id, p.program_id, g.currency, p.overrides AS terms,
           (SELECT count(*) FROM own_terms o WHERE o.partner_id = p.id) AS version
      FROM partner p JOIN program g ON g.id = p.program_id WHERE p.code = :code
""")


def own_of(conn: Connection, code: str) -> OwnTerms:
    """Return a partner's own terms as they are now. Refuses UnknownPartner."""
    row = conn.execute(OWN, {"code": code}).mappings().one_or_none()
    if row is None:
        raise UnknownPartner(partner=code)
    return OwnTerms(**dict(row) | {"terms": Overrides.model_validate(row["terms"])})
