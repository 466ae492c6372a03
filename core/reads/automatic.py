"""What policies approve by themselves: how much of their day is used, and what was left to a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class PolicyDay:
    """One program's day: so many approved by its policy, so much of what it may; amounts gross, in minor units."""

    program: str
    program_name: str
    currency: str
    count: int
    amount_minor: int
    per_day_minor: int
    left: int


# The day is the program's own. What was left is counted by the index on payouts of a queue run, of two days at most.
TODAY = text("""
    SELECT g.code AS program, g.name AS program_name, g.currency, coalesce(d.n, 0) AS count,
           coalesce(d.amount_minor, 0) AS amount_minor,
           coalesce((l.terms #>> '{approval,auto_per_day_minor}')::bigint, 0) AS per_day_minor,
           (SELECT count(*) FROM left_to_person o JOIN payout p ON p.id = o.payout_id
             WHERE p.program_id = g.id AND p.status = 'pending'
               AND o.at >= date_trunc('day', CAST(:now AS timestamptz) AT TIME ZONE g.zone) AT TIME ZONE g.zone) AS left
      FROM program g
     CROSS JOIN LATERAL (SELECT terms FROM policy
                          WHERE program_id = g.id AND effective_at <= :now ORDER BY version DESC LIMIT 1) l
      LEFT JOIN policy_day d ON d.program_id = g.id AND d.day = (CAST(:now AS timestamptz) AT TIME ZONE g.zone)::date
     WHERE (l.terms #>> '{approval,auto}')::boolean OR d.n > 0
     ORDER BY g.name
""")


def approved_by_policy_today(conn: Connection, *, now: datetime) -> list[PolicyDay]:
    """Return the programs whose policy approves by itself or has done so today, with what is used of the day."""
    return [PolicyDay(**row) for row in conn.execute(TODAY, {"now": now}).mappings()]


LEFT = text("SELECT at, sentence FROM left_to_person WHERE payout_id = :id")


@dataclass(frozen=True, kw_only=True)
class Left:
    """Why the policy left a payout to a person, and when."""

    at: datetime
    sentence: str


def left_to_person(conn: Connection, payout_id: int) -> Left | None:
    """Return why the policy left this payout to a person; None where it did not, or was never asked."""
    row = conn.execute(LEFT, {"id": payout_id}).mappings().one_or_none()
    return None if row is None else Left(**row)
