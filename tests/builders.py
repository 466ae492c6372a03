"""Rows of the desk in the domain's words, written in the order the law allows; amounts in minor units of the program's currency.

Every function writes one thing with all that belongs to it (an earning with its ledger row and open item, a payout with
its items and reservation), so that a test says only what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, text

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)

_number = count(1)


def insert(conn: Connection, table: str, values: Mapping[str, object]) -> None:
    """Write one row as it is given; what the law says about it is the test's business."""
    columns = ", ".join(values)
    conn.execute(text(f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)})"), dict(values))  # noqa: S608 - names are the test's own


def insert_returning_id(conn: Connection, table: str, values: Mapping[str, object]) -> int:
    """Write one row and return its id."""
    columns = ", ".join(values)
    sql = f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)}) RETURNING id"  # noqa: S608 - names are the test's own
    return int(conn.execute(text(sql), dict(values)).scalar_one())


def program(conn: Connection, code: str | None = None, *, currency: str = "USD", zone: str = "UTC", terms: str = "{}") -> int:
    """A program with the first version of its policy (`terms` is JSON)."""
    code = code or f"program-{next(_number)}"
    program_id = insert_returning_id(
        conn,
        "program",
        {"code": code, "name": code, "currency": currency, "zone": zone, "created_at": NOW, "released_to": NOW},
    )
    policy(conn, program_id, terms=terms)
    return program_id


def policy(conn: Connection, program_id: int, *, version: int = 1, terms: str = "{}") -> int:
    """A version of a program's policy, in effect for ever."""
    values = {
        "program_id": program_id,
        "version": version,
        "terms": terms,
        "effective_at": datetime(2020, 1, 1, tzinfo=UTC),
        "made_by": "user:admin",
    }
    return insert_returning_id(conn, "policy", values)


def policy_of(conn: Connection, program_id: int) -> int:
    """The newest policy version of a program."""
    newest = text("SELECT id FROM policy WHERE program_id = :id ORDER BY version DESC LIMIT 1")
    return int(conn.execute(newest, {"id": program_id}).scalar_one())


def identity(conn: Connection, name: str = "Ana Silva", email: str | None = None) -> int:
    """A person's name and email."""
    return insert_returning_id(conn, "identity", {"name": name, "email": email or f"p{next(_number)}@example.com"})


def user(conn: Connection, name: str, *roles: str, active: bool = True) -> str:
    """Someone who signs in; returns the name history keeps: `user:ada`."""
    values = {
        "name": name,
        "password_hash": "$2b$04$not.a.hash",
        "roles": list(roles),
        "active": active,
        "sessions_valid_after": NOW - DAY,
        "created_at": NOW,
        "created_by": "os:root",
    }
    insert(conn, "app_user", values)
    return f"user:{name}"


def partner(
    conn: Connection,
    program_id: int,
    code: str | None = None,
    *,
    method: str = "stripe",
    has_destination: bool = True,
    tier: str | None = None,
    status: str = "active",
    joined_on: date = date(2025, 1, 1),
    released_to: datetime = NOW,
    name: str = "Ana Silva",
) -> int:
    """A partner with a balance row at zero and, unless told otherwise, a destination."""
    code = code or f"P{next(_number):05d}"
    values = {
        "program_id": program_id,
        "code": code,
        "identity_id": identity(conn, name, f"{code.lower()}@example.com"),
        "tier": tier,
        "status": status,
        "method": method,
        "joined_on": joined_on,
        "created_at": NOW,
    }
    partner_id = insert_returning_id(conn, "partner", values)
    insert(conn, "partner_balance", {"partner_id": partner_id, "released_to": released_to})
    if has_destination:
        destination(conn, partner_id, method=method)
    return partner_id


def destination(
    conn: Connection, partner_id: int, *, method: str = "stripe", account: str | None = None, made_by: str = "user:importer"
) -> int:
    """A destination, made the partner's present one."""
    account = account or f"acct_{partner_id}_{next(_number)}"
    values = {
        "partner_id": partner_id,
        "method": method,
        "account": account,
        "fingerprint": account.encode(),
        "made_by": made_by,
        "opened_at": NOW,
    }
    destination_id = insert_returning_id(conn, "destination", values)
    use = text("UPDATE partner SET destination_id = :destination_id, method = :method WHERE id = :id")
    conn.execute(use, {"destination_id": destination_id, "method": method, "id": partner_id})
    return destination_id


def customer(conn: Connection, partner_id: int, *, signed_up_at: datetime = NOW, cancelled_at: datetime | None = None) -> int:
    """A customer the partner referred."""
    values = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "ref": f"CU{next(_number):05d}",
        "identity_id": identity(conn, "Ravi Nair"),
        "signed_up_at": signed_up_at,
        "cancelled_at": cancelled_at,
        "created_at": NOW,
    }
    return insert_returning_id(conn, "customer", values)


def sale(conn: Connection, partner_id: int, gross_minor: int, *, kind: str = "booking", occurred_at: datetime = NOW) -> int:
    """A sale at the source, not priced into an earning."""
    values = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "kind": kind,
        "source_ref": f"sale-{next(_number)}",
        "occurred_at": occurred_at,
        "gross_minor": gross_minor,
        "content_hash": b"content",
    }
    return insert_returning_id(conn, "sale", values)


def program_of(conn: Connection, partner_id: int) -> int:
    """The program a partner belongs to."""
    return int(conn.execute(text("SELECT program_id FROM partner WHERE id = :id"), {"id": partner_id}).scalar_one())


def currency_of(conn: Connection, partner_id: int) -> str:
    """The currency of a partner's program."""
    read = text("SELECT g.currency FROM partner p JOIN program g ON g.id = p.program_id WHERE p.id = :id")
    return str(conn.execute(read, {"id": partner_id}).scalar_one())


def fact(conn: Connection, partner_id: int, amount_minor: int, **different: object) -> int:
    """Only the earning's own row: no ledger, no open item."""
    values: dict[str, object] = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "kind": "commission",
        "source_ref": f"ref-{next(_number)}",
        "amount_minor": amount_minor,
        "occurred_at": NOW - 10 * DAY,
        "release_at": NOW - DAY,
        "made_by": "job:import",
    }
    return insert_returning_id(conn, "earning", values | different)


def earning(conn: Connection, partner_id: int, amount_minor: int, *, is_held: bool = False, **different: object) -> int:
    """An earning, posted and open: available, or held until tomorrow; `different` names columns that are to differ."""
    if is_held:
        different = {"release_at": NOW + DAY} | different
    earning_id = fact(conn, partner_id, amount_minor, **different)
    open_item(conn, earning_id)
    if amount_minor < 0:
        move(conn, partner_id, "debt", "available", "earnings", -amount_minor, earning_id=earning_id)
    else:
        move(conn, partner_id, "earn", "earnings", "held" if is_held else "available", amount_minor, earning_id=earning_id)
    return earning_id


OPEN = text("""
    INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at)
    SELECT id, partner_id, amount_minor, release_at FROM earning WHERE id = :id
""")


def open_item(conn: Connection, earning_id: int) -> None:
    """Open an earning for release and queueing."""
    conn.execute(OPEN, {"id": earning_id})


def move(
    conn: Connection,
    partner_id: int,
    kind: str,
    from_account: str,
    to_account: str,
    amount_minor: int,
    **different: object,
) -> int:
    """One ledger row."""
    values: dict[str, object] = {
        "partner_id": partner_id,
        "kind": kind,
        "from_account": from_account,
        "to_account": to_account,
        "amount_minor": amount_minor,
        "currency": currency_of(conn, partner_id),
        "effective_at": NOW,
    }
    return insert_returning_id(conn, "ledger_transfer", values | different)


def hold(conn: Connection, partner_id: int, reason: str = "review", **different: object) -> int:
    """A hold on the partner, or on the `earning_id` or `payout_id` given; moves no money."""
    values: dict[str, object] = {"partner_id": partner_id, "reason": reason, "made_by": "user:maker", "opened_at": NOW}
    return insert_returning_id(conn, "hold", values | different)


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
    assigned = ", ".join(f"{column} = :{column}" for column in ["status", *different])
    conn.execute(text(f"UPDATE payout SET {assigned} WHERE id = :id"), {"id": payout_id, "status": status} | different)  # noqa: S608


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
    """Write the outcome of the payout's last attempt."""
    different = {"succeeded": {"provider_ref": f"po_{uuid4().hex}"}, "declined": {"error_class": "transient"}}.get(
        state, {}
    ) | different
    assigned = ", ".join(f"{column} = :{column}" for column in ["state", *different])
    where = "payout_id = :id AND n = (SELECT max(n) FROM attempt WHERE payout_id = :id)"
    conn.execute(text(f"UPDATE attempt SET {assigned} WHERE {where}"), {"id": payout_id, "state": state} | different)  # noqa: S608


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
    row = conn.execute(text("SELECT partner_id, amount_minor FROM payout WHERE id = :id"), {"id": payout_id}).one()
    move(conn, row.partner_id, "unreserve", "reserved", "available", row.amount_minor, payout_id=payout_id)
    items = conn.execute(text("SELECT earning_id FROM payout_item WHERE payout_id = :id"), {"id": payout_id})
    for earning_id in items.scalars().all():
        open_item(conn, earning_id)


class Balance(NamedTuple):
    """A partner's balance, in minor units."""

    held: int
    available: int
    reserved: int
    paid: int
    fees: int


def balance(conn: Connection, partner_id: int) -> Balance:
    """A partner's balance now."""
    read = text("SELECT held, available, reserved, paid, fees FROM partner_balance WHERE partner_id = :id")
    return Balance(*conn.execute(read, {"id": partner_id}).one())


def status_of(conn: Connection, payout_id: int) -> str:
    """A payout's status now."""
    return str(conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one())
