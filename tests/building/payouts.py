"""Payouts with their items and reservations, approvals and attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import uuid4

from sqlalchemy import Connection, text

from tests.building.earnings import move, open_item
from tests.building.partners import currency_of, policy_of, program_of
from tests.building.proposals import agree_absent
from tests.building.rows import NOW, change, insert, insert_returning_id


def payout_row(conn: Connection, partner_id: int, amount_minor: int, **different: object) -> int:
    """Only the payout's own row: no items, no reservation."""
    program_id = program_of(conn, partner_id)
    where = text("SELECT destination_id, method FROM partner WHERE id = :id")
    present = conn.execute(where, {"id": partner_id}).one()
    values: dict[str, object] = {
        "program_id": program_id,
        "partner_id": partner_id,
        "origin": "schedule",
        "amount_minor": amount_minor,
        "currency": currency_of(conn, partner_id),
        "method": present.method,
        "destination_id": present.destination_id,
        "policy_id": policy_of(conn, program_id),
        "cap_month": date(2026, 3, 1),
        "approvals_needed": 1,
        "made_by": "job:queue",
        "queued_at": NOW,
    }
    return insert_returning_id(conn, "payout", values | different)


def payout(conn: Connection, partner_id: int, earning_ids: Sequence[int], **different: object) -> int:
    """A pending payout made of these open earnings, reserved."""
    sum_of = text("SELECT sum(amount_minor) FROM earning WHERE id = ANY(:ids)")
    amount_minor = int(conn.execute(sum_of, {"ids": list(earning_ids)}).scalar_one())
    payout_id = payout_row(conn, partner_id, amount_minor, **different)
    for earning_id in earning_ids:
        conn.execute(text("DELETE FROM open_item WHERE earning_id = :id"), {"id": earning_id})
        item(conn, payout_id, earning_id)
    move(conn, partner_id, "reserve", "available", "reserved", amount_minor, payout_id=payout_id)
    return payout_id


ADD_ITEM = text("""
    INSERT INTO payout_item (payout_id, earning_id, amount_minor)
    SELECT :payout_id, id, amount_minor FROM earning WHERE id = :earning_id
""")


def item(conn: Connection, payout_id: int, earning_id: int) -> None:
    """Put a whole earning into a payout."""
    conn.execute(ADD_ITEM, {"payout_id": payout_id, "earning_id": earning_id})


def content_hash(conn: Connection, payout_id: int) -> bytes:
    """The digest of what the payout pays now."""
    return bytes(conn.execute(text("SELECT payout_content_hash(:id)"), {"id": payout_id}).scalar_one())


def decision(conn: Connection, payout_id: int, by: str = "user:ann", **different: object) -> int:
    """One person's approval of the payout's present content; its status stays."""
    values: dict[str, object] = {
        "payout_id": payout_id,
        "content_hash": content_hash(conn, payout_id),
        "actor": by,
        "decision": "approve",
        "at": NOW,
    }
    return insert_returning_id(conn, "approval", values | different)


def set_status(conn: Connection, payout_id: int, status: str, **different: object) -> None:
    """Move a payout to a status, with the columns that go with it."""
    if status in {"paid", "failed", "reversed"}:
        different = {"processed_at": NOW} | different
    change(conn, "payout", {"status": status} | different, "id = :id", id=payout_id)


def approve(conn: Connection, payout_id: int, *by: str) -> None:
    """Approve a pending payout by these people (ann alone unless told otherwise)."""
    for person in by or ("user:ann",):
        decision(conn, payout_id, person)
    set_status(conn, payout_id, "approved", decided_at=NOW)


def attempt(conn: Connection, payout_id: int, n: int = 1, **different: object) -> str:
    """One try of a processing payout, started; returns its key."""
    key = f"payout-{uuid4()}-{n}"
    values: dict[str, object] = {
        "payout_id": payout_id,
        "n": n,
        "idem_key": key,
        "provider": "simulator",
        "params": "{}",
        "params_hash": b"params",
        "approved_hash": content_hash(conn, payout_id),
        "started_at": NOW,
        "lease_until": NOW + timedelta(seconds=30),
    }
    insert(conn, "attempt", values | different)
    return key


def claim(conn: Connection, payout_id: int, n: int = 1) -> None:
    """Start sending an approved or retrying payout."""
    set_status(conn, payout_id, "processing", retry_at=None)
    attempt(conn, payout_id, n)


def end_attempt(conn: Connection, payout_id: int, state: str, **different: object) -> None:
    """Write the outcome of the payout's last attempt; absent is what two people agreed on."""
    if state == "absent":
        last = text("SELECT max(n) FROM attempt WHERE payout_id = :id")
        agree_absent(conn, payout_id, conn.execute(last, {"id": payout_id}).scalar_one())
    different = {
        "succeeded": {"provider_ref": f"po_{uuid4().hex}"},
        "declined": {"error_class": "transient"},
    }.get(state, {}) | different
    where = "payout_id = :id AND n = (SELECT max(n) FROM attempt WHERE payout_id = :id)"
    change(conn, "attempt", {"state": state} | different, where, id=payout_id)


def pay(conn: Connection, payout_id: int) -> None:
    """Let the attempt of a processing payout succeed, and settle it."""
    end_attempt(conn, payout_id, "succeeded")
    set_status(conn, payout_id, "paid")
    row = conn.execute(
        text("SELECT partner_id, net_minor, fee_minor FROM payout WHERE id = :id"), {"id": payout_id}
    ).one()
    move(conn, row.partner_id, "settle", "reserved", "paid", row.net_minor, payout_id=payout_id)
    if row.fee_minor:
        move(conn, row.partner_id, "fee", "reserved", "fees", row.fee_minor, payout_id=payout_id)


def end(conn: Connection, payout_id: int, status: str = "rejected", reason: str = "not this month") -> None:
    """Reject, cancel or fail a payout and give its money back."""
    set_status(conn, payout_id, status, reason=reason, decided_at=NOW)
    row = conn.execute(
        text("SELECT partner_id, amount_minor FROM payout WHERE id = :id"), {"id": payout_id}
    ).one()
    move(conn, row.partner_id, "unreserve", "reserved", "available", row.amount_minor, payout_id=payout_id)
    items = conn.execute(text("SELECT earning_id FROM payout_item WHERE payout_id = :id"), {"id": payout_id})
    for earning_id in items.scalars().all():
        open_item(conn, earning_id)


def status_of(conn: Connection, payout_id: int) -> str:
    """A payout's status now."""
    return str(conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one())
