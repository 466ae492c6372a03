"""A partner's payout was rejected by a person: how much, and the reason in words fit for the partner.

What a colleague wrote down is for colleagues; the partner is told one of `REASONS`, which are the payout's reason code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT, PARTNER

UNSAID = "person"  # the reason code of a decision that gives the partner no reason
REASONS = {
    UNSAID: "No reason",
    "details_differ": "The details do not match our records",
    "amount_in_question": "The amount is being looked at again",
    "asked_twice": "It was asked for twice",
    "partner_asked": "They asked for it themselves",
    "terms_not_met": "The terms for it are not met yet",
}

REJECTED = text("""
    SELECT id AS payout_id, amount_minor, currency, reason_code AS reason, decided_at AS rejected_at
      FROM payout WHERE id = :payout_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the payout's amount in minor units and the reason the partner is told."""
    return dict(conn.execute(REJECTED, about).mappings().one())


KIND = Kind(
    title="Payout rejected",
    audience="partner",
    facts=facts,
    sample=PARTNER
    | {"payout_id": 1042, "amount_minor": 125_000, "reason": "details_differ", "rejected_at": AT},
)
