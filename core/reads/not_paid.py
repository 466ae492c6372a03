"""Who got nothing in the last queue run, and why: counted by reason, and listed by the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.reads.words import why_not_paid


@dataclass(frozen=True, kw_only=True)
class NotPaid:
    """The last run that looked at everybody: when, and how many partners it passed over by reason, most first."""

    run_id: int
    at: datetime
    by_reason: dict[str, int]

    @property
    def count(self) -> int:
        """All partners the run passed over."""
        return sum(self.by_reason.values())


# A run for one partner or program says nothing about the others.
LAST_RUN = text("""
    SELECT id, as_of FROM job_run
     WHERE job = 'queue' AND ok AND (slot IS NOT NULL OR result -> 'whole' = 'true') AND as_of <= :now
     ORDER BY id DESC LIMIT 1
""")
BY_REASON = text("""
    SELECT reason, count(*) AS n FROM skip WHERE run_id = :run_id GROUP BY reason ORDER BY count(*) DESC, reason
""")


def not_paid(conn: Connection, *, now: datetime) -> NotPaid | None:
    """Return what the last whole run passed over, None when there was no run yet."""
    run = conn.execute(LAST_RUN, {"now": now}).one_or_none()
    if run is None:
        return None
    counted = {row.reason: row.n for row in conn.execute(BY_REASON, {"run_id": run.id})}
    return NotPaid(run_id=run.id, at=run.as_of, by_reason=counted)


# What so many partners are, said after their number.
COUNTED_WORDS = {
    "below_minimum": "below the minimum",
    "on_hold": "on hold",
    "cap_reached": "at the month’s cap",
    "no_destination": "without a destination",
    "partner_suspended": "suspended or archived",
    "fee_exceeds_amount": "eaten by the fee",
    "nothing_available": "with nothing available",
}


def counted_words(reason: str) -> str:
    """Write what partners passed over for this reason are: below the minimum, on hold."""
    return COUNTED_WORDS.get(reason, reason.replace("_", " "))


NOT_PAID = text("""
    SELECT p.code AS partner_code, s.reason, s.figures, s.slot, s.at, g.currency, b.available AS available_minor
      FROM skip s JOIN partner p ON p.id = s.partner_id JOIN program g ON g.id = p.program_id
      JOIN partner_balance b ON b.partner_id = p.id
     WHERE s.run_id = :run_id AND (CAST(:reason AS text) IS NULL OR s.reason = :reason)
     ORDER BY s.reason, p.code LIMIT :rows
""")


def partners_not_paid(
    conn: Connection, run_id: int, *, reason: str | None = None, rows: int = 1_000
) -> list[dict[str, object]]:
    """Return who a run passed over, by reason and code: the reason in words with its figures, and what is available."""
    found = conn.execute(NOT_PAID, {"run_id": run_id, "reason": reason, "rows": rows}).mappings()
    return [
        {
            "partner_code": row["partner_code"],
            "reason": row["reason"],
            "sentence": why_not_paid(row["reason"], row["figures"], row["currency"]),
            "currency": row["currency"],
            "available_minor": row["available_minor"],
            "slot": row["slot"],
            "at": row["at"],
        }
        for row in found
    ]
