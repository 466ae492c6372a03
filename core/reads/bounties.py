"""Bounties under way: whose customers are on their way to one, how far they are, and what comes when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.commission import FlatOnce
from core.pricing import bounty_instant
from core.programs import partner_terms
from core.reads.frames import to_frame


@dataclass(frozen=True, kw_only=True)
class Bounties:
    """The customers of one partner who are on their way: `frame` has id, ref, name, signed_up_at, days_active, of_days, due_at
    (when the bounty is earned if they stay) and amount_minor, the next one first; `count` and `total_minor` are of all.
    """

    frame: pd.DataFrame
    count: int
    total_minor: int


# The policy in force at its instant prices a bounty; what is shown is what the policy of now would give.
UNDER_WAY = text("""
    SELECT c.id, c.ref, CASE WHEN NOT :masked THEN w.name END AS name, c.signed_up_at,
           floor(extract(epoch FROM CAST(:now AS timestamptz) - c.signed_up_at) / 86400)::bigint AS days_active,
           count(*) OVER () AS of
      FROM customer c JOIN identity w ON w.id = c.identity_id
     WHERE c.partner_id = :partner_id AND c.signed_up_at > :earned_by AND c.signed_up_at <= :now
       AND (c.cancelled_at IS NULL OR c.cancelled_at > :now)
       AND NOT EXISTS (SELECT 1 FROM earning e
                        WHERE e.program_id = c.program_id AND e.kind = 'bounty' AND e.source_ref = c.ref)
     ORDER BY c.signed_up_at, c.id LIMIT :limit
""")


def bounties_under_way(
    conn: Connection, partner_id: int, *, now: datetime, masked: bool, limit: int = 12
) -> Bounties | None:
    """Return the bounties a partner's customers are on their way to; None where the program pays none."""
    commission = partner_terms(conn, partner_id, now=now).policy.commission
    if not isinstance(commission, FlatOnce):
        return None
    earned_by = now - (bounty_instant(now, active_days=commission.active_days) - now)
    values = {
        "partner_id": partner_id,
        "earned_by": earned_by,
        "now": now,
        "masked": masked,
        "limit": limit,
    }
    found = to_frame(conn.execute(UNDER_WAY, values))
    count = int(found["of"].iloc[0]) if len(found) else 0
    due = [bounty_instant(at, active_days=commission.active_days) for at in found["signed_up_at"]]
    frame = found.drop(columns="of").assign(
        of_days=commission.active_days, due_at=due, amount_minor=commission.amount_minor
    )
    return Bounties(frame=frame, count=count, total_minor=count * commission.amount_minor)
