"""Refuses what does not exist, by name: nothing found there would say something else."""

from __future__ import annotations

from sqlalchemy import Connection, text

from core.decisions import Final, UnknownPayout
from core.programs import UnknownPartner, UnknownProgram

EXISTS = text("""
    SELECT CAST(:program AS text) IS NULL OR EXISTS (SELECT 1 FROM program WHERE code = :program) AS program,
           CAST(:partner AS text) IS NULL OR EXISTS (SELECT 1 FROM partner WHERE code = :partner) AS partner,
           CAST(:payout_id AS bigint) IS NULL OR EXISTS (SELECT 1 FROM payout WHERE id = :payout_id) AS payout
""")


def must_exist(
    conn: Connection, *, program: str | None = None, partner: str | None = None, payout_id: int | None = None
) -> None:
    """Refuse with UnknownProgram, UnknownPartner or UnknownPayout what is named and not there."""
    there = conn.execute(EXISTS, {"program": program, "partner": partner, "payout_id": payout_id}).one()
    if not there.program:
        raise UnknownProgram(code=program)
    if not there.partner:
        raise UnknownPartner(partner=partner)
    if not there.payout:
        raise UnknownPayout(id=payout_id)


FAILED = text("SELECT status = 'failed' FROM payout WHERE id = :id")


def must_not_be_final(conn: Connection, payout_id: int) -> None:
    """Refuse with Final a payout that has failed for good: no job sends it again, and silence would not say so."""
    if conn.execute(FAILED, {"id": payout_id}).scalar():
        raise Final(id=payout_id)
