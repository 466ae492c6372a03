"""Earnings of chosen amounts, for tests that care what is paid and not where it came from."""

from __future__ import annotations

from datetime import datetime
from itertools import count

from sqlalchemy import text

from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from tests.desk import DAY, HOUR, MIA, NOW, Desk

number = count(1)
FIND = text("SELECT id, program_id FROM partner WHERE code = :code")


def earn(desk: Desk, code: str, *amounts_minor: int, at: datetime = NOW - DAY, gross_minor: int = 0) -> None:
    """Give a partner earnings of these amounts, an hour apart, each released when it occurs."""
    with desk.engine.begin() as conn:
        partner = conn.execute(FIND, {"code": code}).one()
        lock_partners(conn, [partner.id])
        earnings = [
            NewEarning(
                program_id=partner.program_id,
                partner_id=partner.id,
                kind="manual",
                source_ref=f"e{next(number)}",
                amount_minor=amount_minor,
                gross_minor=gross_minor,
                occurred_at=at + i * HOUR,
                release_at=at + i * HOUR,
            )
            for i, amount_minor in enumerate(amounts_minor)
        ]
        assert len(record_earnings(conn, earnings, actor=MIA, now=NOW)) == len(amounts_minor)
