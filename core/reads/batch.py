"""A fixed batch: what is in it, what a decision on it would refuse, and how it differs from the last one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from core.decisions import APPROVED_BY_ME, MINE
from core.guards import STOPS_APPROVAL, STOPS_SENDING, blocking_reasons
from core.reads.filters import PayoutFilter
from core.reads.frames import to_frame
from core.reads.payouts import matching
from core.reads.shown import show


@dataclass(frozen=True, kw_only=True)
class BatchHeader:
    """Who fixed the batch and when, from which filter, and how it was decided; `decision` None: not yet."""

    id: int
    made_by: str
    made_at: datetime
    filter: dict[str, str]
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    outcome: dict[str, Any] | None


HEADER = text("""
    SELECT id, made_by, made_at, filter, decision, decided_by, decided_at, outcome FROM batch WHERE id = :id
""")


def batch_header(conn: Connection, batch_id: int) -> BatchHeader | None:
    """Return the batch's header, or None when there is no such batch."""
    row = conn.execute(HEADER, {"id": batch_id}).mappings().one_or_none()
    return None if row is None else BatchHeader(**row)


ITEMS = text("""
    SELECT payout_id AS id, version AS fixed_version, net_minor AS fixed_net_minor, left_out
      FROM batch_item WHERE batch_id = :id ORDER BY payout_id
""")


def batch_items(conn: Connection, batch_id: int, *, now: datetime, masked: bool) -> pd.DataFrame:
    """Return the batch's payouts with the queue's columns as they are now, and fixed_version, fixed_net_minor, left_out."""
    fixed = to_frame(conn.execute(ITEMS, {"id": batch_id}))
    shown = show(conn, [int(payout_id) for payout_id in fixed["id"]], now=now, masked=masked)
    return shown.merge(fixed, on="id", how="right")


STATUSES = {"approve": {"pending"}, "reject": {"pending"}, "process": {"approved", "retrying"}}


def foreseen(
    conn: Connection, items: pd.DataFrame, decision: str, *, actor: str, now: datetime
) -> dict[int, tuple[str, str]]:
    """Return, by payout, the code and sentence with which `decision` would refuse it now; the decision looks again.

    `items` is the frame of `batch_items` or one with its id, version, fixed_version and status; `actor` as in history.
    """
    ids = [int(payout_id) for payout_id in items["id"]]
    mine = set(conn.execute(MINE, {"ids": ids, "actor": actor}).scalars())
    repeated = set(conn.execute(APPROVED_BY_ME, {"ids": ids, "actor": actor}).scalars())
    blocking = blocking_reasons(conn, ids, now=now)
    stops = STOPS_SENDING if decision == "process" else STOPS_APPROVAL
    found: dict[int, tuple[str, str]] = {}
    rows: Iterator[Any] = items.itertuples()
    for row in rows:
        payout_id = int(row.id)
        if row.version != row.fixed_version:
            found[payout_id] = ("changed_since", "Changed since the batch was fixed")
        elif row.status not in STATUSES[decision]:
            found[payout_id] = ("wrong_status", f"Already {row.status}")
        elif decision == "approve" and payout_id in mine:
            found[payout_id] = ("own_payout", "You had a part in making it")
        elif decision == "approve" and payout_id in repeated:
            found[payout_id] = ("already_approved", "You have approved it; it waits for another person")
        elif decision != "reject":
            stop = next((reason for reason in blocking[payout_id] if reason.code in stops), None)
            if stop is not None:
                found[payout_id] = (stop.code, stop.sentence)
    return found


@dataclass(frozen=True, kw_only=True)
class LastBatch:
    """The batch approved before: when, and partner_id, currency, net_minor, payouts and earnings of its payouts; the
    partners of either batch of whom a hold has ended since, and those of whom one is in force now.

    `usual` is the median of the last three such batches: partner_id (missing: the whole batch), currency, usual_minor and
    the `batches` it is of.
    """

    id: int
    decided_at: datetime
    items: pd.DataFrame
    released: frozenset[int]
    held: frozenset[int]
    usual: pd.DataFrame


BEFORE = text("""
    SELECT b.id, b.decided_at FROM batch b
     WHERE b.decision = 'approve' AND b.id <> :id AND b.decided_at < :before
       AND EXISTS (SELECT 1 FROM batch_item i JOIN payout p ON p.id = i.payout_id
                    WHERE i.batch_id = b.id AND i.left_out IS NULL AND p.program_id = ANY(
                          SELECT q.program_id FROM batch_item j JOIN payout q ON q.id = j.payout_id WHERE j.batch_id = :id))
       AND NOT EXISTS (SELECT 1 FROM batch_item i JOIN batch_item j USING (payout_id)
                        WHERE i.batch_id = b.id AND j.batch_id = :id AND i.left_out IS NULL)
     ORDER BY b.decided_at DESC LIMIT 3
""")
ITEMS_BEFORE = text("""
    SELECT p.partner_id, r.code AS partner_code, w.name AS partner_name, p.currency,
           sum(i.net_minor)::bigint AS net_minor, count(*) AS payouts,
           sum((SELECT count(*) FROM payout_item t WHERE t.payout_id = p.id))::bigint AS earnings
      FROM batch_item i JOIN payout p ON p.id = i.payout_id JOIN partner r ON r.id = p.partner_id
      JOIN identity w ON w.id = r.identity_id
     WHERE i.batch_id = :id AND i.left_out IS NULL
     GROUP BY 1, 2, 3, 4
""")
# What a partner, and a whole batch, came to in those of the batches that had them at all.
USUAL = text("""
    WITH nets AS (
        SELECT i.batch_id, p.partner_id, p.currency, sum(i.net_minor)::bigint AS net
          FROM batch_item i JOIN payout p ON p.id = i.payout_id
         WHERE i.batch_id = ANY(:ids) AND i.left_out IS NULL GROUP BY 1, 2, 3)
    SELECT partner_id, currency, (percentile_disc(0.5) WITHIN GROUP (ORDER BY net))::bigint AS usual_minor,
           count(*) AS batches
      FROM nets GROUP BY 1, 2
     UNION ALL
    SELECT NULL, currency, (percentile_disc(0.5) WITHIN GROUP (ORDER BY net))::bigint, count(*)
      FROM (SELECT batch_id, currency, sum(net) AS net FROM nets GROUP BY 1, 2) whole GROUP BY currency
""")


# A hold ends when it is lifted, or by itself on its day.
HOLDS_SINCE = text("""
    SELECT h.partner_id, bool_or(coalesce(h.closed_at, h.until) BETWEEN :since AND :until) AS released,
           bool_or(h.opened_at <= :until AND coalesce(h.closed_at, h.until, 'infinity') > :until) AS held
      FROM hold h
     WHERE h.partner_id IN (SELECT p.partner_id FROM batch_item i JOIN payout p ON p.id = i.payout_id
                             WHERE i.batch_id IN (:id, :before))
     GROUP BY h.partner_id
""")


def last_batch(conn: Connection, header: BatchHeader, *, now: datetime, masked: bool) -> LastBatch | None:
    """Return the batch of the same programs that was approved before this one; None when there was none. A batch with a payout
    of this one is the same batch, in the hands of the first of two people.
    """
    values = {"id": header.id, "before": header.decided_at or now}
    before = conn.execute(BEFORE, values).all()
    if not before:
        return None
    row = before[0]
    items = to_frame(conn.execute(ITEMS_BEFORE, {"id": row.id}))
    if masked:
        items = items.assign(partner_name=None)
    asked = {"since": row.decided_at, "until": values["before"], "id": header.id, "before": row.id}
    holds = conn.execute(HOLDS_SINCE, asked).all()
    return LastBatch(
        id=row.id,
        decided_at=row.decided_at,
        items=items,
        released=frozenset(hold.partner_id for hold in holds if hold.released),
        held=frozenset(hold.partner_id for hold in holds if hold.held),
        usual=to_frame(conn.execute(USUAL, {"ids": [batch.id for batch in before]})),
    )


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a batch may be built from: the payouts with the queue's columns; `more` tells that there are too many for one."""

    frame: pd.DataFrame
    more: bool


def ready_for_a_batch(conn: Connection, wanted: PayoutFilter, *, now: datetime, masked: bool) -> Ready:
    """Return all that matches as it is now, with its signals, oldest first."""
    found = matching(conn, wanted, now=now, masked=masked)
    ids = [int(payout_id) for payout_id in found.frame["id"]]
    return Ready(frame=show(conn, ids, now=now, masked=masked), more=found.more)


RECENT = text("""
    SELECT b.id, b.made_by, b.made_at, b.decision, b.decided_by, b.decided_at, i.payouts, i.nets
      FROM (SELECT id, made_by, made_at, decision, decided_by, decided_at FROM batch ORDER BY id DESC LIMIT :limit) b
     CROSS JOIN LATERAL (
            SELECT coalesce(sum(n), 0)::bigint AS payouts, jsonb_object_agg(currency, net) AS nets
              FROM (SELECT p.currency, count(*) AS n, sum(t.net_minor)::bigint AS net
                      FROM batch_item t JOIN payout p ON p.id = t.payout_id
                     WHERE t.batch_id = b.id AND t.left_out IS NULL GROUP BY p.currency) c) i
     ORDER BY b.id DESC
""")


def recent_batches(conn: Connection, *, limit: int) -> pd.DataFrame:
    """Return the newest batches: who fixed them and when, how they were decided (missing: not yet), payouts, and the net by
    currency in minor units.
    """
    return to_frame(conn.execute(RECENT, {"limit": limit}))


PROGRESS = text("""
    SELECT status, currency, count(*) AS count, sum(net_minor)::bigint AS net_minor
      FROM payout WHERE id = ANY(:ids) GROUP BY status, currency ORDER BY status, currency
""")


def progress(conn: Connection, payout_ids: Sequence[int]) -> pd.DataFrame:
    """Return status, currency, count and net_minor of these payouts as they are now."""
    return to_frame(conn.execute(PROGRESS, {"ids": list(payout_ids)}))
