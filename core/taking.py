"""Taking money into payouts and giving it back: the one primitive behind queue, request and cap.

A payout is made of whole earnings: all open negatives first, then the oldest, until the wanted amount is reached. The
last one is split by a carry pair (`carry_out` in the payout, `carry_in` left open with the split earning's dates), so
that the sum is exact and no earning is ever in two payouts. The caller holds the partners' balance rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from core.access import Actor
from core.earnings import NewEarning, record_earnings
from core.telling import tell_of_large


@dataclass(frozen=True, kw_only=True)
class Take:
    """What a payout will be made of: earning ids that sum to `amount_minor`, and the gross of the sales behind them."""

    partner_id: int
    amount_minor: int
    gross_minor: int
    earning_ids: list[int]
    ref: UUID = field(default_factory=uuid4)


# What may be paid now; both statements below must mean the same by it.
TAKEABLE = """(o.amount_minor < 0 OR (o.release_at <= b.released_to AND NOT o.on_hold))"""

TAKE_ALL = text(f"""
    SELECT o.partner_id, array_agg(o.earning_id ORDER BY o.earning_id) AS earning_ids,
           sum(o.amount_minor)::bigint AS amount_minor, sum(e.gross_minor)::bigint AS gross_minor
      FROM open_item o
      JOIN partner_balance b USING (partner_id)
      JOIN earning e ON e.id = o.earning_id
     WHERE o.partner_id = ANY(:partner_ids) AND {TAKEABLE}
     GROUP BY o.partner_id
""")  # noqa: S608 - composed of two constants


def take_all(conn: Connection, partner_ids: Sequence[int]) -> dict[int, Take]:
    """Return, by partner, everything that may be paid now; a partner with nothing is missing, a sum may be negative."""
    rows = conn.execute(TAKE_ALL, {"partner_ids": list(partner_ids)})
    return {
        row.partner_id: Take(
            partner_id=row.partner_id,
            amount_minor=row.amount_minor,
            gross_minor=row.gross_minor,
            earning_ids=row.earning_ids,
        )
        for row in rows
    }


OLDEST_FIRST = text(f"""
    SELECT e.*, o.release_at AS open_release_at
      FROM open_item o
      JOIN partner_balance b USING (partner_id)
      JOIN earning e ON e.id = o.earning_id
     WHERE o.partner_id = :partner_id AND {TAKEABLE}
     ORDER BY o.amount_minor > 0, o.release_at, o.earning_id
""")  # noqa: S608 - same


def take(
    conn: Connection,
    partner_id: int,
    amount_minor: int,
    *,
    actor: Actor,
    now: datetime,
    days: Mapping[int, datetime] | None = None,
) -> Take:
    """Take exactly this amount of one partner's available money, splitting the last earning when it must be.

    `amount_minor` is above zero and covered by the available balance: the caller has refused anything else. `days` has,
    by earning, the release day of what was released early: it is taken in that order after all else, so that none of it is
    left over, and what is left of one that must be split goes back to its day.
    """
    ref, days = uuid4(), days or {}
    picked: list[int] = []
    reached = gross = 0
    rows: Iterable[Row[Any]] = conn.execute(OLDEST_FIRST, {"partner_id": partner_id})
    if days:
        rows = sorted(rows, key=lambda row: (row.id in days, days.get(row.id, now)))
    for row in rows:
        if row.amount_minor > 0 and reached >= amount_minor:
            break
        picked.append(row.id)
        reached += row.amount_minor
        gross += row.gross_minor
        last = row
    over = reached - amount_minor
    if over < 0:
        raise AssertionError(f"partner {partner_id}: {amount_minor} wanted, {reached} open")
    if over > 0:
        share = Decimal(last.gross_minor) * over / last.amount_minor
        gross_over = int(share.quantize(Decimal(1), ROUND_HALF_EVEN))
        common = {
            "program_id": last.program_id,
            "partner_id": partner_id,
            "source_ref": f"payout:{ref}",
            "occurred_at": last.occurred_at,
            "release_at": days.get(last.id, last.open_release_at),
            "sale_id": last.sale_id,
            "customer_id": last.customer_id,
            "corrects_id": last.id,
            "policy_id": last.policy_id,
        }
        pair = [
            NewEarning(kind="carry_out", amount_minor=-over, gross_minor=-gross_over, **common),
            NewEarning(kind="carry_in", amount_minor=over, gross_minor=gross_over, **common),
        ]
        carried_out, _ = record_earnings(conn, pair, actor=actor, now=now)
        picked.append(carried_out)
        gross -= gross_over
    return Take(
        partner_id=partner_id, amount_minor=amount_minor, gross_minor=gross, earning_ids=picked, ref=ref
    )


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A payout about to be written: what it takes, and what the policy says about it."""

    take: Take
    program_id: int
    origin: str
    fee_minor: int
    currency: str
    method: str
    destination_id: int
    policy_id: int
    cap_month: date
    approvals_needed: int
    made_by: str
    queued_at: datetime
    slot: datetime | None = None
    one_open_request: bool = False
    priority: str = "normal"
    note: str = ""
    platform_cost_minor: int = 0


ADD_PAYOUTS = text("""
    INSERT INTO payout (ref, program_id, partner_id, origin, amount_minor, fee_minor, currency, method, destination_id,
                        policy_id, cap_month, slot, one_open_request, approvals_needed, priority, note, made_by, queued_at,
                        platform_cost_minor)
    SELECT ref, program_id, partner_id, origin, amount_minor, fee_minor, currency, method, destination_id,
           policy_id, cap_month, slot, one_open_request, approvals_needed, priority, note, made_by, queued_at,
           platform_cost_minor
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
               ref uuid, program_id int, partner_id bigint, origin text, amount_minor bigint, fee_minor bigint,
               currency text, method text, destination_id bigint, policy_id bigint, cap_month date, slot timestamptz,
               one_open_request boolean, approvals_needed smallint, priority text, note text, made_by text,
               queued_at timestamptz, platform_cost_minor bigint)
     ORDER BY partner_id
    RETURNING id, ref
""")
MOVE_ITEMS = text("""
    WITH taken AS (SELECT payout_id, earning_id
                     FROM unnest(CAST(:payout_ids AS bigint[]), CAST(:earning_ids AS bigint[])) AS t (payout_id, earning_id)),
         closed AS (DELETE FROM open_item o USING taken t WHERE o.earning_id = t.earning_id
                    RETURNING t.payout_id, o.earning_id, o.amount_minor)
    INSERT INTO payout_item (payout_id, earning_id, amount_minor)
    SELECT payout_id, earning_id, amount_minor FROM closed
""")
RESERVE = text("""
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, payout_id, effective_at)
    SELECT partner_id, 'reserve', 'available', 'reserved', amount_minor, currency, id, :now
      FROM payout WHERE id = ANY(:payout_ids) ORDER BY partner_id
""")


def build_payouts(conn: Connection, drafts: Sequence[Draft], *, now: datetime) -> list[int]:
    """Write the payouts with their items and reservations and return their ids, in the order of the drafts."""
    if not drafts:
        return []
    rows = [
        asdict(draft)
        | {
            "ref": draft.take.ref,
            "partner_id": draft.take.partner_id,
            "amount_minor": draft.take.amount_minor,
            "take": None,
        }
        for draft in drafts
    ]
    added = conn.execute(ADD_PAYOUTS, {"rows": json.dumps(rows, default=str)})
    id_of = {row.ref: row.id for row in added}
    pairs = [(id_of[d.take.ref], earning_id) for d in drafts for earning_id in d.take.earning_ids]
    payout_ids, earning_ids = [list(column) for column in zip(*pairs, strict=True)]
    conn.execute(MOVE_ITEMS, {"payout_ids": payout_ids, "earning_ids": earning_ids})
    ids = [id_of[draft.take.ref] for draft in drafts]
    conn.execute(RESERVE, {"payout_ids": ids, "now": now})
    tell_of_large(conn, ids, made_by=drafts[0].made_by, now=now)
    return ids


UNRESERVE = text("""
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, payout_id, effective_at)
    SELECT partner_id, 'unreserve', 'reserved', 'available', amount_minor, currency, id, :now
      FROM payout WHERE id = ANY(:payout_ids) ORDER BY partner_id
""")
# A carry pair whose carry_in is still untouched closes itself: neither comes back. Held, by a hold or until its day, the
# carry_in leaves it first: the earning it was split from comes back whole, and is held whole.
CLOSE_PAIRS = text("""
    WITH closed AS (
        DELETE FROM open_item o
         USING earning carried_in, earning carried_out, payout_item i, partner_balance b
         WHERE i.payout_id = ANY(:payout_ids) AND carried_out.id = i.earning_id AND carried_out.kind = 'carry_out'
           AND carried_in.program_id = carried_out.program_id AND carried_in.kind = 'carry_in'
           AND carried_in.source_ref = carried_out.source_ref AND carried_in.period = carried_out.period
           AND o.earning_id = carried_in.id
           AND b.partner_id = o.partner_id
        RETURNING carried_out.id AS carried_out_id, carried_in.id AS carried_in_id, o.partner_id, o.amount_minor,
                  o.on_hold OR o.release_at > b.released_to AS is_held),
    lifted AS (
        INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id,
                                     effective_at)
        SELECT c.partner_id, 'lift', 'held', 'available', c.amount_minor, g.currency, c.carried_in_id, :now
          FROM closed c JOIN partner p ON p.id = c.partner_id JOIN program g ON g.id = p.program_id
         WHERE c.is_held
         ORDER BY c.partner_id, c.carried_in_id)
    SELECT carried_out_id FROM closed
""")
# What was in a payout had been released, so it comes back behind the mark; what is under a hold goes back into it, and
# what two people released early waits for its day again.
REOPEN = text("""
    WITH back AS (
        INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at, on_hold)
        SELECT e.id, e.partner_id, e.amount_minor, coalesce(x.release_at, least(e.release_at, b.released_to)),
               EXISTS (SELECT 1 FROM hold h WHERE h.partner_id = e.partner_id AND h.earning_id = e.id
                          AND h.closed_at IS NULL AND (h.until IS NULL OR h.until > :now))
          FROM payout_item i
          JOIN earning e ON e.id = i.earning_id
          JOIN partner_balance b ON b.partner_id = e.partner_id
          LEFT JOIN early_release x ON x.payout_id = i.payout_id AND x.earning_id = e.id
         WHERE i.payout_id = ANY(:payout_ids) AND e.id <> ALL(:closed)
        RETURNING earning_id, partner_id, amount_minor, on_hold, release_at)
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id, effective_at)
    SELECT k.partner_id, 'hold', 'available', 'held', k.amount_minor, g.currency, k.earning_id, :now
      FROM back k JOIN partner_balance b USING (partner_id)
      JOIN partner p ON p.id = k.partner_id JOIN program g ON g.id = p.program_id
     WHERE (k.on_hold OR k.release_at > b.released_to) AND k.amount_minor > 0
     ORDER BY k.partner_id, k.earning_id
""")


def undo_payouts(conn: Connection, payout_ids: Sequence[int], *, now: datetime) -> None:
    """Give the money of payouts that have just come to an end back to their partners' balances and open items."""
    if not payout_ids:
        return
    values = {"payout_ids": list(payout_ids), "now": now}
    conn.execute(UNRESERVE, values)
    closed = list(conn.execute(CLOSE_PAIRS, values).scalars())
    conn.execute(REOPEN, values | {"closed": closed})
