"""The desk as it stood at a past instant: what every partner was owed, and which payouts were under way.

Worked back from the balances of now by what the append-only ledger says happened since, so it comes out the same whenever
it is asked for. The caller gives a connection in REPEATABLE READ. The cost grows with how far back the instant lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

ACCOUNTS = ("held", "available", "reserved", "paid", "fees")
FILE_ROWS = 5_000


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One instant: `programs` and `partners` with a column per account in minor units, and the open payouts counted.

    `programs`: code, name, currency, partners, then held_minor, available_minor, reserved_minor, paid_minor, fees_minor,
    owed_minor (the first three), of which `owing` partners owe us owing_minor; payouts, payouts_minor. `partners`: code,
    name, program, currency, the same accounts and owed_minor, those owed most first.
    """

    at: datetime
    programs: pd.DataFrame
    partners: pd.DataFrame
    partners_count: int


# What moved after the instant is taken back from the balance of now. A partner taken in since has no row yet then.
STOOD = """
    moved AS (
        SELECT t.partner_id, v.account, sum(v.amount)::bigint AS amount
          FROM ledger_transfer t
         CROSS JOIN LATERAL (VALUES (t.from_account, -t.amount_minor), (t.to_account, t.amount_minor)) AS v (account, amount)
         WHERE t.effective_at > :at
         GROUP BY 1, 2),
    since AS (
        SELECT partner_id,
               coalesce(sum(amount) FILTER (WHERE account = 'held'), 0) AS held,
               coalesce(sum(amount) FILTER (WHERE account = 'available'), 0) AS available,
               coalesce(sum(amount) FILTER (WHERE account = 'reserved'), 0) AS reserved,
               coalesce(sum(amount) FILTER (WHERE account = 'paid'), 0) AS paid,
               coalesce(sum(amount) FILTER (WHERE account = 'fees'), 0) AS fees
          FROM moved GROUP BY 1),
    stood AS (
        SELECT r.id AS partner_id, r.program_id, r.code, r.identity_id,
               (b.held - coalesce(s.held, 0))::bigint AS held_minor,
               (b.available - coalesce(s.available, 0))::bigint AS available_minor,
               (b.reserved - coalesce(s.reserved, 0))::bigint AS reserved_minor,
               (b.paid - coalesce(s.paid, 0))::bigint AS paid_minor,
               (b.fees - coalesce(s.fees, 0))::bigint AS fees_minor,
               (b.held + b.available + b.reserved
                - coalesce(s.held, 0) - coalesce(s.available, 0) - coalesce(s.reserved, 0))::bigint AS owed_minor
          FROM partner r JOIN partner_balance b ON b.partner_id = r.id LEFT JOIN since s ON s.partner_id = r.id
         WHERE r.created_at <= :at)
"""
# A payout was under way from its reservation until that ended.
UNDER_WAY = """
    under_way AS (
        SELECT p.id
          FROM payout p
         WHERE p.status IN ('pending', 'approved', 'processing', 'retrying') AND p.queued_at <= :at
         UNION ALL
        SELECT p.id
          FROM ledger_transfer t JOIN payout p ON p.id = t.payout_id
         WHERE t.effective_at > :at AND t.kind IN ('settle', 'unreserve') AND p.queued_at <= :at)
"""
PROGRAMS = text(f"""
    WITH {STOOD}, {UNDER_WAY},
    queue AS (
        SELECT p.program_id, count(*) AS payouts, sum(p.amount_minor)::bigint AS payouts_minor
          FROM under_way u JOIN payout p USING (id) GROUP BY 1)
    SELECT g.code, g.name, g.currency, count(s.partner_id) AS partners,
           coalesce(sum(s.held_minor), 0)::bigint AS held_minor,
           coalesce(sum(s.available_minor), 0)::bigint AS available_minor,
           coalesce(sum(s.reserved_minor), 0)::bigint AS reserved_minor,
           coalesce(sum(s.paid_minor), 0)::bigint AS paid_minor, coalesce(sum(s.fees_minor), 0)::bigint AS fees_minor,
           coalesce(sum(s.owed_minor), 0)::bigint AS owed_minor, count(*) FILTER (WHERE s.owed_minor < 0) AS owing,
           coalesce(-sum(s.owed_minor) FILTER (WHERE s.owed_minor < 0), 0)::bigint AS owing_minor,
           coalesce(max(q.payouts), 0) AS payouts, coalesce(max(q.payouts_minor), 0)::bigint AS payouts_minor
      FROM program g LEFT JOIN stood s ON s.program_id = g.id LEFT JOIN queue q ON q.program_id = g.id
     GROUP BY g.id ORDER BY g.code
""")  # noqa: S608 - our own parts
PARTNERS = text(f"""
    WITH {STOOD}
    SELECT s.code, CASE WHEN :personal THEN i.name END AS name, g.code AS program, g.currency,
           s.held_minor, s.available_minor, s.reserved_minor, s.owed_minor, s.paid_minor, s.fees_minor
      FROM stood s JOIN program g ON g.id = s.program_id JOIN identity i ON i.id = s.identity_id
     WHERE (CAST(:program AS text) IS NULL OR g.code = :program)
     ORDER BY s.owed_minor DESC, s.code LIMIT :limit
""")  # noqa: S608 - our own parts


def standing(
    conn: Connection, at: datetime, *, masked: bool, program: str | None = None, limit: int | None = 50
) -> Standing:
    """Return what stood at an instant: all programs, and the partners of one or of all, `limit` of them; None: every one.

    With `masked` without names.
    """
    asked = {"at": at, "personal": not masked, "program": program, "limit": limit}
    programs = to_frame(conn.execute(PROGRAMS, asked))
    counted = programs if program is None else programs[programs["code"] == program]
    return Standing(
        at=at,
        programs=programs,
        partners=to_frame(conn.execute(PARTNERS, asked)),
        partners_count=int(counted["partners"].sum()),
    )


# An approval that was taken back by then counts no more.
PAYOUTS = text(f"""
    WITH {UNDER_WAY}
    SELECT p.id, r.code AS partner_code, CASE WHEN :personal THEN i.name END AS partner_name, g.code AS program,
           p.amount_minor, p.net_minor, p.currency, p.method, p.queued_at, p.approvals_needed, had.approvals,
           CASE WHEN last.n IS NOT NULL AND (last.ended_at IS NULL OR last.ended_at > :at) THEN 'processing'
                WHEN last.error_class NOT IN ('platform_balance', 'withdrawn') THEN 'retrying'
                WHEN had.approvals >= p.approvals_needed THEN 'approved' ELSE 'pending' END AS status
      FROM under_way u JOIN payout p USING (id)
      JOIN partner r ON r.id = p.partner_id JOIN identity i ON i.id = r.identity_id
      JOIN program g ON g.id = p.program_id
     CROSS JOIN LATERAL (
            SELECT count(DISTINCT a.actor) AS approvals FROM approval a
             WHERE a.payout_id = p.id AND a.decision = 'approve' AND a.at <= :at
               AND a.at > coalesce((SELECT max(t.at) FROM audit t
                                     WHERE t.ids @> ARRAY[p.id] AND t.subject = 'payout' AND t.action = 'payout.taken_back'
                                       AND t.at <= :at), '-infinity')) had
      LEFT JOIN LATERAL (
            SELECT a.n, a.ended_at, a.error_class FROM attempt a
             WHERE a.payout_id = p.id AND a.started_at <= :at ORDER BY a.n DESC LIMIT 1) last ON true
     WHERE (CAST(:program AS text) IS NULL OR g.code = :program)
     ORDER BY p.amount_minor DESC, p.id LIMIT :limit
""")  # noqa: S608 - our own parts


def payouts_under_way(
    conn: Connection, at: datetime, *, masked: bool, program: str | None = None, limit: int | None = 50
) -> pd.DataFrame:
    """Return the payouts that held money at an instant, the largest first, with the status each had then.

    Columns: id, partner_code, partner_name (empty when masked), program, amount_minor, net_minor, currency, method,
    queued_at, approvals_needed, approvals, status.
    """
    return to_frame(
        conn.execute(PAYOUTS, {"at": at, "personal": not masked, "program": program, "limit": limit})
    )


def in_pieces(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a frame a piece at a time, the columns also when it is empty."""
    for start in range(0, max(len(frame), 1), FILE_ROWS):
        yield frame.iloc[start : start + FILE_ROWS]
