"""Payment files row by row, as the law asks for them: payees, files with their lines, marks."""

from __future__ import annotations

import json
from uuid import uuid4

from sqlalchemy import Connection, text

from tests.building.accounts import rail
from tests.building.earnings import earning
from tests.building.partners import partner, program
from tests.building.payouts import approve, attempt, end_attempt, payout, set_status
from tests.building.rows import NOW, change, insert, insert_returning_id

PAYS = text("""
    SELECT p.program_id, p.method, p.currency, p.net_minor, d.payee_ref
      FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = :id
""")


def payee(conn: Connection, partner_id: int, **different: object) -> str:
    """Sealed details of a bank account."""
    values: dict[str, object] = {
        "ref": str(uuid4()),
        "partner_id": partner_id,
        "method": "bank_transfer",
        "sealed": b"sealed",
        "shown": "DE ····3000",
        "fingerprint": b"f" * 32,
        "made_by": "user:mia",
        "made_at": NOW,
    }
    insert(conn, "payee", values | different)
    return str((values | different)["ref"])


def detailed(conn: Connection, program_id: int | None = None) -> int:
    """A partner paid by bank transfer whose destination has its details."""
    made = partner(conn, program_id or program(conn), method="bank_transfer", has_destination=False)
    values = {
        "partner_id": made,
        "method": "bank_transfer",
        "account": "DE ····3000",
        "fingerprint": b"f" * 32,
        "payee_ref": payee(conn, made),
        "made_by": "user:importer",
        "opened_at": NOW,
    }
    opened = insert_returning_id(conn, "destination", values)
    change(conn, "partner", {"destination_id": opened}, "id = :id", id=made)
    return made


def approved(conn: Connection, partner_id: int | None = None) -> int:
    """An approved payout of 100.00 by bank transfer."""
    whom = partner_id or detailed(conn)
    made = payout(conn, whom, [earning(conn, whom, 100_00)])
    approve(conn, made)
    return made


def served(conn: Connection) -> None:
    """The rail of production, where none was told of yet."""
    if conn.execute(text("SELECT 1 FROM rail_in_use")).first() is None:
        rail(conn)


def by_file(conn: Connection, payout_id: int, n: int = 1, **different: object) -> None:
    """Begin the attempt of a payout that leaves by file."""
    served(conn)
    pays = conn.execute(PAYS, {"id": payout_id}).one()
    set_status(conn, payout_id, "processing")
    params = json.dumps({"amount_minor": pays.net_minor, "currency": pays.currency})
    attempt(conn, payout_id, n, **({"provider": "file", "params": params} | different))


def file_row(conn: Connection, payout_id: int, **different: object) -> int:
    """Only the file's own row, for one payout."""
    pays = conn.execute(PAYS, {"id": payout_id}).one()
    values: dict[str, object] = {
        "program_id": pays.program_id,
        "method": pays.method,
        "currency": pays.currency,
        "payouts": 1,
        "total_minor": pays.net_minor,
        "made_by": "user:mia",
        "made_at": NOW,
    }
    return insert_returning_id(conn, "payment_file", values | different)


def line(conn: Connection, file_id: int, payout_id: int, n: int = 1, **different: object) -> None:
    """The one line of a file."""
    pays = conn.execute(PAYS, {"id": payout_id}).one()
    values: dict[str, object] = {
        "file_id": file_id,
        "position": 1,
        "payout_id": payout_id,
        "n": n,
        "reference": f"PD{payout_id}-{n}",
        "amount_minor": pays.net_minor,
        "payee_ref": pays.payee_ref,
    }
    insert(conn, "payment_file_line", values | different)


def filed(conn: Connection, payout_id: int, n: int = 1) -> int:
    """A file of one payout."""
    by_file(conn, payout_id, n)
    file_id = file_row(conn, payout_id)
    line(conn, file_id, payout_id, n)
    return file_id


def hand_in(conn: Connection, file_id: int, **different: object) -> None:
    """Mark a file as handed in, by mia."""
    values = {"state": "sent", "sent_ref": "BANK-1", "sent_by": "user:mia", "sent_at": NOW} | different
    change(conn, "payment_file", values, "id = :id", id=file_id)


def mark(conn: Connection, payout_id: int, outcome: str = "paid", n: int = 1, **different: object) -> None:
    """Mia's word on one payment; the attempt stays as it is."""
    failed = outcome != "paid"
    values: dict[str, object] = {
        "payout_id": payout_id,
        "n": n,
        "ends": True,
        "outcome": outcome,
        "error_class": "account" if failed else None,
        "reason": "closed" if failed else "",
        "happened_on": NOW.date(),
        "marked_by": "user:mia",
        "marked_at": NOW,
    }
    insert(conn, "payment_mark", values | different)


def cancel(conn: Connection, file_id: int, payout_id: int) -> None:
    """Cancel a file of one payout, which is approved as before."""
    values = {
        "state": "cancelled",
        "cancelled_by": "user:mia",
        "cancelled_at": NOW,
        "cancel_reason": "wrong day",
    }
    change(conn, "payment_file", values, "id = :id", id=file_id)
    end_attempt(conn, payout_id, "declined", error_class="withdrawn")
    set_status(conn, payout_id, "approved")
