"""What the rule of priorities looks at, read for the payouts on one page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import Connection, text

from core.priorities import Facts, Proposed, propose_priority

FACTS = text("""
    SELECT p.id, p.queued_at, p.amount_minor, p.currency, r.joined_on, p.slot, matured.at AS matured_at,
           own.paid_before, own.usual_minor, program.usual_minor AS usual_in_program_minor,
           coalesce(last.status = 'failed', false) AS last_failed
      FROM payout p JOIN partner r ON r.id = p.partner_id
     CROSS JOIN LATERAL (
            SELECT min(e.release_at) AS at FROM payout_item i JOIN earning e ON e.id = i.earning_id
             WHERE i.payout_id = p.id AND e.amount_minor > 0) matured
     CROSS JOIN LATERAL (
            SELECT count(*) AS paid_before, percentile_disc(0.5) WITHIN GROUP (ORDER BY q.amount_minor) AS usual_minor
              FROM (SELECT amount_minor FROM payout q
                     WHERE q.partner_id = p.partner_id AND q.status IN ('paid', 'reversed') AND q.id < p.id
                     ORDER BY q.id DESC LIMIT 24) q) own
     CROSS JOIN LATERAL (
            SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY q.amount_minor) AS usual_minor
              FROM (SELECT amount_minor FROM payout q
                     WHERE q.program_id = p.program_id AND q.status = 'paid'
                     ORDER BY q.queued_at DESC, q.id DESC LIMIT 200) q) program
      LEFT JOIN LATERAL (
            SELECT status FROM payout q
             WHERE q.partner_id = p.partner_id AND q.id < p.id
               AND q.status IN ('paid', 'reversed', 'failed')
             ORDER BY q.id DESC LIMIT 1) last ON true
     WHERE p.id = ANY(:ids) AND p.status IN ('pending', 'approved', 'retrying')
""")


def proposed_priorities(conn: Connection, payout_ids: Sequence[int], *, now: datetime) -> dict[int, Proposed]:
    """Return the proposal for each of these payouts that has not left; the others have none."""
    found = {}
    for row in conn.execute(FACTS, {"ids": list(payout_ids)}):
        facts = Facts(
            queued_at=row.queued_at,
            amount_minor=row.amount_minor,
            currency=row.currency,
            joined_at=datetime.combine(row.joined_on, time(), UTC),
            promised_at=row.slot,
            matured_at=row.matured_at,
            usual_minor=row.usual_minor,
            usual_in_program_minor=row.usual_in_program_minor,
            paid_before=row.paid_before,
            last_failed=row.last_failed,
        )
        found[row.id] = propose_priority(facts, now=now)
    return found
