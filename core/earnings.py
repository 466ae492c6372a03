"""Earnings: immutable facts, each posted to the ledger and opened for release and queueing as it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor


@dataclass(frozen=True, kw_only=True)
class NewEarning:
    """An amount owed for one source event, before it is written; amounts in minor units of the program's currency.

    `source_ref` and `period` make it unique within program and kind. `on_hold` is the reason it is born under.
    """

    program_id: int
    partner_id: int
    kind: str
    source_ref: str
    amount_minor: int
    occurred_at: datetime
    release_at: datetime
    period: str = ""
    gross_minor: int = 0
    fee_minor: int = 0
    sale_id: int | None = None
    customer_id: int | None = None
    corrects_id: int | None = None
    policy_id: int | None = None
    breakdown: dict[str, object] | None = None
    on_hold: str | None = None


# A positive earning behind its partner's release mark is available at once; a negative one always counts at once.
RECORD = text("""
    WITH wanted AS (
        SELECT * FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (
            program_id int, partner_id bigint, kind text, source_ref text, amount_minor bigint,
            occurred_at timestamptz, release_at timestamptz, period text, gross_minor bigint, fee_minor bigint,
            sale_id bigint, customer_id bigint, corrects_id bigint, policy_id bigint, breakdown jsonb,
            on_hold text)) WITH ORDINALITY),
    added AS (
        INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, occurred_at, release_at, period,
                             gross_minor, fee_minor, sale_id, customer_id, corrects_id, policy_id, breakdown,
                             made_by, import_id)
        SELECT program_id, partner_id, kind, source_ref, amount_minor, occurred_at, release_at, period,
               gross_minor, fee_minor, sale_id, customer_id, corrects_id, policy_id, nullif(breakdown, 'null'::jsonb),
               :made_by, CAST(:import_id AS bigint)
          FROM wanted ORDER BY ordinality
            ON CONFLICT DO NOTHING
        RETURNING id, program_id, partner_id, kind, source_ref, period, amount_minor, release_at),
    born AS (
        SELECT a.*, w.on_hold, g.currency,
               a.amount_minor > 0 AND (a.release_at > b.released_to OR w.on_hold IS NOT NULL) AS is_held
          FROM added a
          JOIN wanted w USING (program_id, kind, source_ref, period)
          JOIN partner_balance b ON b.partner_id = a.partner_id
          JOIN program g ON g.id = a.program_id),
    opened AS (
        INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at, on_hold)
        SELECT id, partner_id, amount_minor, release_at, on_hold IS NOT NULL FROM born),
    blocked AS (
        INSERT INTO hold (partner_id, earning_id, reason, made_by, opened_at)
        SELECT partner_id, id, on_hold, :made_by, :now FROM born WHERE on_hold IS NOT NULL),
    posted AS (
        INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency,
                                     earning_id, effective_at)
        SELECT partner_id,
               CASE WHEN amount_minor > 0 THEN 'earn' ELSE 'debt' END,
               CASE WHEN amount_minor > 0 THEN 'earnings' ELSE 'available' END,
               CASE WHEN amount_minor < 0 THEN 'earnings' WHEN is_held THEN 'held' ELSE 'available' END,
               abs(amount_minor), currency, id, :now
          FROM born ORDER BY partner_id, id)
    SELECT id FROM born ORDER BY id
""")


def record_earnings(
    conn: Connection,
    earnings: Sequence[NewEarning],
    *,
    actor: Actor,
    now: datetime,
    import_id: int | None = None,
) -> list[int]:
    """Write earnings with their open items and ledger rows, and return the ids of those that were new.

    The caller holds the partners' balance rows (lock_partners). An earning whose key is there already is left out:
    every accrual can be repeated without paying twice.
    """
    if not earnings:
        return []
    rows = json.dumps([vars(earning) for earning in earnings], default=datetime.isoformat)
    values = {"rows": rows, "made_by": actor.name, "import_id": import_id, "now": now}
    return list(conn.execute(RECORD, values).scalars())
