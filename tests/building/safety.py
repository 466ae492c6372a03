"""What keeps the sender safe: adopted transfers, balances that were seen, comparisons that somebody asked for."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import Connection, text

from tests.building.earnings import move
from tests.building.payouts import attempt, end_attempt, set_status
from tests.building.reconciling import shown
from tests.building.rows import NOW, insert, insert_returning_id


def transfer_of(conn: Connection, payout_id: int, **different: object) -> None:
    """A transfer `po_lost` of exactly this payout, as the provider shows it."""
    row = conn.execute(
        text("SELECT ref::text, net_minor, currency FROM payout WHERE id = :id"), {"id": payout_id}
    ).one()
    values: dict[str, object] = {
        "provider_ref": "po_lost",
        "transfer_group": row.ref,
        "amount_minor": row.net_minor,
        "currency": row.currency,
    }
    shown(conn, **(values | different))


def begin_adopting(conn: Connection, payout_id: int, **different: object) -> None:
    """An attempt that adopts `po_lost`, still to be ended."""
    net = conn.execute(text("SELECT net_minor FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one()
    set_status(conn, payout_id, "processing")
    params = json.dumps({"amount_minor": net, "destination": "acct_1"})
    attempt(conn, payout_id, **({"adopts": "po_lost", "params": params} | different))  # type: ignore[arg-type]


def adopt(conn: Connection, payout_id: int) -> None:
    """Book a payout as paid by `po_lost`."""
    begin_adopting(conn, payout_id)
    end_attempt(conn, payout_id, "succeeded", provider_ref="po_lost")
    set_status(conn, payout_id, "paid")
    row = conn.execute(
        text("SELECT partner_id, net_minor, fee_minor FROM payout WHERE id = :id"), {"id": payout_id}
    ).one()
    move(conn, row.partner_id, "settle", "reserved", "paid", row.net_minor, payout_id=payout_id)
    if row.fee_minor:
        move(conn, row.partner_id, "fee", "reserved", "fees", row.fee_minor, payout_id=payout_id)


def balance_seen(conn: Connection, **different: object) -> None:
    """1,000.00 at the simulator, after 25.00 left since yesterday."""
    values: dict[str, object] = {
        "provider": "simulator",
        "currency": "USD",
        "at": NOW,
        "balance_minor": 1_000_00,
        "since": NOW - timedelta(days=1),
        "sent_minor": 25_00,
        "returned_minor": 0,
    }
    insert(conn, "balance_seen", values | different)


def reconcile_request(conn: Connection, **different: object) -> int:
    """A comparison that ann asked for."""
    values: dict[str, object] = {"asked_at": NOW, "asked_by": "user:ann"}
    return insert_returning_id(conn, "reconcile_request", values | different)
