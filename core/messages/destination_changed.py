"""Where a partner's money goes was changed: told at once, to the address before as well where that changed too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core.messages import Kind
from core.messages.samples import AT, PARTNER

GOES_TO = text("""
    SELECT d.method, CASE WHEN d.method IN ('stripe', 'stripe_instant') THEN right(d.account, 4) END AS ending
      FROM destination d WHERE d.id = :destination_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the method, the account's last four where it has one, and until when money is held."""
    row = conn.execute(GOES_TO, {"destination_id": about.get("destination_id")}).one_or_none()
    held_until = about.get("held_until_s")
    return {
        "changed_at": datetime.fromtimestamp(about["changed_s"], UTC),
        "method": row and row.method,
        "ending": row and row.ending,
        "held_until": None if held_until is None else datetime.fromtimestamp(held_until, UTC),
    }


KIND = Kind(
    title="Destination changed",
    audience="partner",
    facts=facts,
    security=True,
    sample=PARTNER | {"changed_at": AT, "method": "stripe", "ending": "4242", "held_until": AT},
)
