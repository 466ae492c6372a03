"""The row-by-row way to the same end: each row read, changed, audited and committed by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pandas as pd
from sqlalchemy import Connection, Engine, text

from core import audit
from core.access import job_actor
from core.decisions import Wanted, approve_payouts
from core.earnings import NewEarning, record_earnings
from core.ledger import Movement, lock_partners, post
from core.queueing import Terms, queue_range
from tests.bench.world import ADA, NOW, OSCAR

HELD = text("""
    SELECT earning_id FROM open_item WHERE partner_id = ANY(:partner_ids) ORDER BY partner_id, release_at, earning_id
""")
READ = text("SELECT partner_id, amount_minor, release_at FROM open_item WHERE earning_id = :id")
MOVE_MARK = text("UPDATE partner_balance SET released_to = greatest(released_to, :to) WHERE partner_id = :id")


def release(engine: Engine, partner_ids: Sequence[int]) -> int:
    """Release these partners' earnings, one transaction each, and return how many."""
    with engine.connect() as conn:
        ids = conn.execute(HELD, {"partner_ids": list(partner_ids)}).scalars().all()
    actor = job_actor("release")
    for earning_id in ids:
        with engine.begin() as conn:
            row = conn.execute(READ, {"id": earning_id}).one()
            lock_partners(conn, [row.partner_id])
            movement = Movement(
                partner_id=row.partner_id,
                kind="release",
                from_account="held",
                to_account="available",
                amount_minor=row.amount_minor,
                currency="EUR",
            )
            post(conn, [movement], now=NOW)
            conn.execute(MOVE_MARK, {"to": row.release_at, "id": row.partner_id})
            audit.record(
                conn, "earnings.released", subject="partner", ids=[row.partner_id], actor=actor, now=NOW
            )
    return len(ids)


def queue(engine: Engine, partner_ids: Sequence[int]) -> int:
    """Queue these partners, one transaction each, and return how many payouts that made."""
    made = 0
    for partner_id in partner_ids:
        with engine.begin() as conn:
            drafts = queue_range(conn, [partner_id], Terms(NOW), now=NOW, run_id=1).drafts
            made += len(drafts)
    return made


def approve(engine: Engine, payout_ids: Sequence[int]) -> int:
    """Approve these payouts, one transaction each, and return how many."""
    for payout_id in payout_ids:
        with engine.begin() as conn:
            approve_payouts(conn, [Wanted(id=payout_id)], actor=ADA, now=NOW)
    return len(payout_ids)


FIND_PARTNER = text("SELECT id, program_id FROM partner WHERE code = :code")
FIND_SALE = text("SELECT id FROM sale WHERE program_id = :program_id AND source_ref = :source_ref")
ADD_SALE = text("""
    INSERT INTO sale (program_id, partner_id, kind, source_ref, occurred_at, gross_minor, content_hash)
    VALUES (:program_id, :partner_id, 'booking', :source_ref, :occurred_at, :gross_minor, :content_hash)
    RETURNING id
""")


def take_in_sales(engine: Engine, first: int, n: int, partners: int) -> int:
    """Take in `n` sales, one transaction each, and return how many."""
    for k in range(first, first + n):
        with engine.begin() as conn:
            partner = conn.execute(FIND_PARTNER, {"code": f"P{k % partners:06}"}).one()
            lock_partners(conn, [partner.id])
            sale = {
                "program_id": partner.program_id,
                "partner_id": partner.id,
                "source_ref": f"one_{k:08}",
                "occurred_at": NOW - timedelta(days=9),
                "gross_minor": 50_00,
                "content_hash": b"content",
            }
            if conn.execute(FIND_SALE, sale).first() is not None:
                continue
            sale_id = conn.execute(ADD_SALE, sale).scalar_one()
            earning = NewEarning(
                program_id=partner.program_id,
                partner_id=partner.id,
                kind="booking",
                source_ref=f"one_{k:08}",
                amount_minor=int(50_00 * Decimal("0.9")),
                gross_minor=50_00,
                fee_minor=5_00,
                occurred_at=NOW - timedelta(days=9),
                release_at=NOW - timedelta(days=2),
                sale_id=sale_id,
            )
            record_earnings(conn, [earning], actor=OSCAR, now=NOW)
            audit.record(conn, "import.sales", subject="import", ids=[sale_id], actor=OSCAR, now=NOW)
    return n


EVERYTHING = text("""
    SELECT p.*, t.code, i.name FROM payout p JOIN partner t ON t.id = p.partner_id JOIN identity i ON i.id = t.identity_id
     WHERE p.status = 'pending'
""")


def page(conn: Connection, *, first: int, rows: int) -> pd.DataFrame:
    """Return one page of the queue the way of a small dashboard: everything into memory, sorted, cut."""
    frame = pd.DataFrame(conn.execute(EVERYTHING).mappings().all())
    return frame.sort_values(["queued_at", "id"], ascending=False).iloc[first : first + rows]
