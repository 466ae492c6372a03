"""Sales of a partner came in: one message for all that came together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT, PARTNER

LISTED = 5

# The partner was locked while they came in, so no other sale of theirs has an id between.
SALES = text("""
    SELECT s.source_ref AS ref, s.occurred_at, s.gross_minor,
           (SELECT sum(e.amount_minor)::bigint FROM earning e
             WHERE e.program_id = s.program_id AND e.kind = s.kind AND e.source_ref = s.source_ref
               AND e.sale_id = s.id) AS earned_minor
      FROM sale s
     WHERE s.partner_id = :partner AND s.id BETWEEN :first AND :last
     ORDER BY s.id LIMIT :listed
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return how many sales came in, and the first of them with their gross and what they earned, in minor units."""
    listed = conn.execute(SALES, dict(about) | {"listed": LISTED}).mappings()
    return {"sales": about["sales"], "listed": [dict(row) for row in listed]}


KIND = Kind(
    title="Sale confirmed",
    audience="partner",
    facts=facts,
    by_default=False,
    sample=PARTNER
    | {
        "sales": 7,
        "listed": [
            {"ref": "B-2207", "occurred_at": AT, "gross_minor": 18_000, "earned_minor": 16_200},
            {"ref": "B-2208", "occurred_at": AT, "gross_minor": 9_500, "earned_minor": None},
        ],
    },
)
