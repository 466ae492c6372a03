"""How the weeks of a replay differ where money is held for longer or for less."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from core.reports.replay_reads import Ints, Weeks

RELEASE_RUNS = text("""
    SELECT DISTINCT as_of FROM job_run WHERE job = 'release' AND ok AND as_of > :start AND as_of <= :now ORDER BY as_of
""")
# What is priced after the start would have been released so much later or earlier, by the first run of the release after
# that; where no run is on record, at its very instant. What is on a hold of its own keeps its dates. What a void takes, it
# takes of money that has come or never comes.
SHIFTED = text("""    WITH voided AS MATERIALIZED (
        SELECT c.corrects_id, m.effective_at AS at, m.amount_minor AS taken
          FROM earning c JOIN ledger_transfer m ON m.earning_id = c.id AND m.kind = 'void'
         WHERE c.program_id = :program_id AND c.kind = 'void' AND c.occurred_at >= :start
           AND m.effective_at > :start AND m.effective_at <= :now),
    held AS MATERIALIZED (SELECT DISTINCT earning_id FROM hold WHERE earning_id IS NOT NULL),
    posted AS MATERIALIZED (
        SELECT earning_id, effective_at AS posted FROM ledger_transfer
         WHERE kind = 'earn' AND effective_at > :start AND effective_at <= :now),
    own AS MATERIALIZED (
        SELECT e.partner_id, e.amount_minor, e.release_at, t.posted, v.at AS void_at, coalesce(v.taken, 0) AS taken
          FROM earning e JOIN posted t ON t.earning_id = e.id
          LEFT JOIN voided v ON v.corrects_id = e.id
          LEFT JOIN held h ON h.earning_id = e.id
         WHERE e.program_id = :program_id AND e.occurred_at >= :start AND e.occurred_at <= :now AND e.sale_id IS NOT NULL
           AND e.kind IN ('booking', 'commission') AND e.amount_minor > 0 AND h.earning_id IS NULL
           AND (CAST(:partner_ids AS bigint[]) IS NULL OR e.partner_id = ANY(:partner_ids))),
    dated AS (
        SELECT o.*, greatest(CASE WHEN release_at <= posted THEN posted
                    WHEN cardinality(r.runs) = 0 THEN release_at
                    ELSE coalesce(r.runs[width_bucket(release_at - interval '1 microsecond', r.runs) + 1], 'infinity')
               END, posted) AS came,
               greatest(CASE WHEN release_at + :shift <= posted THEN posted
                    WHEN cardinality(r.runs) = 0 THEN release_at + :shift
                    ELSE coalesce(r.runs[width_bucket(release_at + :shift - interval '1 microsecond', r.runs) + 1], 'infinity')
               END, posted) AS comes
          FROM own o CROSS JOIN (SELECT CAST(:releases AS timestamptz[]) AS runs) r),
    moves AS (
        SELECT partner_id, came AS at, -(amount_minor - CASE WHEN void_at <= came THEN taken ELSE 0 END) AS amount FROM dated
         UNION ALL
        SELECT partner_id, comes, amount_minor - CASE WHEN void_at <= comes THEN taken ELSE 0 END FROM dated
         UNION ALL
        SELECT partner_id, void_at, taken * ((void_at > came)::int - (void_at > comes)::int)
          FROM dated WHERE void_at IS NOT NULL)
    SELECT partner_id, width_bucket(at - interval '1 microsecond', CAST(:steps AS timestamptz[])) AS step,
           sum(amount)::bigint AS amount
      FROM moves WHERE at <= :now AND amount <> 0 GROUP BY 1, 2 HAVING sum(amount) <> 0
""")


def read_shift(conn: Connection, weeks: Weeks, shift: timedelta, partner_ids: list[int] | None) -> Ints:
    """Return how the available money of every partner and step differs when hold times differ by `shift`.

    `partner_ids` narrows it to the partners whose hold time differs by so much; None is all of them.
    """
    span: dict[str, Any] = {"program_id": weeks.program.id, "start": weeks.start, "now": weeks.now}
    releases = list(conn.execute(RELEASE_RUNS, span).scalars())
    # The run after the last one on record is yet to come: what would wait for it does not come within these weeks.
    values = span | {
        "releases": releases,
        "shift": shift,
        "partner_ids": partner_ids,
        "steps": [step.at for step in weeks.steps],
    }
    place = {payee.id: at for at, payee in enumerate(weeks.payees)}
    moved = np.zeros_like(weeks.moved)
    for row in conn.execute(SHIFTED, values):
        if row.partner_id in place:
            moved[place[row.partner_id], min(row.step, len(weeks.steps) - 1)] += row.amount
    return moved
