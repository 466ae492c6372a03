"""Programs, people, partners, customers and sales."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text

from tests.building.proposals import decide_proposal, proposal
from tests.building.rows import DAY, NOW, insert, insert_returning_id, number


def program(
    conn: Connection, code: str | None = None, *, currency: str = "USD", zone: str = "UTC", terms: str = "{}"
) -> int:
    """A program with the first version of its policy (`terms` is JSON)."""
    code = code or f"program-{next(number)}"
    program_id = insert_returning_id(
        conn,
        "program",
        {
            "code": code,
            "name": code,
            "currency": currency,
            "zone": zone,
            "created_at": NOW,
            "released_to": NOW,
        },
    )
    policy(conn, program_id, terms=terms)
    return program_id


def policy(
    conn: Connection, program_id: int, *, version: int = 1, terms: str = "{}", **different: object
) -> int:
    """A version of a program's policy, in effect for ever; a later one with the proposal two people agreed on."""
    values: dict[str, object] = {
        "program_id": program_id,
        "version": version,
        "terms": terms,
        "effective_at": datetime(2020, 1, 1, tzinfo=UTC),
        "made_by": "user:admin",
    }
    if version > 1:
        values["proposal_id"] = policy_agreed(conn, program_id, terms)
    return insert_returning_id(conn, "policy", values | different)


def policy_agreed(conn: Connection, program_id: int, terms: str, *, decision: str = "confirm") -> int:
    """The proposal of these terms, decided by a second person."""
    content = f'{{"terms": {terms}}}'
    made = proposal(conn, kind="change_policy", subject="program", ids=[program_id], content=content)
    decide_proposal(conn, made, decision)
    return made


def policy_of(conn: Connection, program_id: int) -> int:
    """The newest policy version of a program."""
    newest = text("SELECT id FROM policy WHERE program_id = :id ORDER BY version DESC LIMIT 1")
    return int(conn.execute(newest, {"id": program_id}).scalar_one())


def identity(conn: Connection, name: str = "Ana Silva", email: str | None = None) -> int:
    """A person's name and email."""
    return insert_returning_id(
        conn, "identity", {"name": name, "email": email or f"p{next(number)}@example.com"}
    )


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
    code = code or f"P{next(number):05d}"
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
    conn: Connection,
    partner_id: int,
    *,
    method: str = "stripe",
    account: str | None = None,
    made_by: str = "user:importer",
) -> int:
    """A destination, made the partner's present one."""
    account = account or f"acct_{partner_id}_{next(number)}"
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


def own_terms(
    conn: Connection, partner_id: int, terms: Mapping[str, object], *, made_by: str = "user:mia"
) -> int:
    """Terms of a partner's own, as two people agreed; returns the proposal."""
    agreed = terms_agreed(conn, partner_id, terms, made_by=made_by)
    values = {
        "partner_id": partner_id,
        "terms": json.dumps(terms),
        "proposal_id": agreed,
        "made_by": made_by,
        "at": NOW,
    }
    insert(conn, "own_terms", values)
    conn.execute(
        text("UPDATE partner SET overrides = CAST(:terms AS jsonb) WHERE id = :id"),
        {"terms": json.dumps(terms), "id": partner_id},
    )
    return agreed


def terms_agreed(
    conn: Connection,
    partner_id: int,
    terms: Mapping[str, object],
    *,
    made_by: str = "user:mia",
    decision: str = "confirm",
) -> int:
    """The proposal of a partner's own terms, decided by a second person."""
    content = json.dumps({"terms": terms})
    made = proposal(
        conn, kind="change_terms", subject="partner", ids=[partner_id], content=content, made_by=made_by
    )
    decide_proposal(conn, made, decision)
    return made


def customer(
    conn: Connection, partner_id: int, *, signed_up_at: datetime = NOW, cancelled_at: datetime | None = None
) -> int:
    """A customer the partner referred."""
    values = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "ref": f"CU{next(number):05d}",
        "identity_id": identity(conn, "Ravi Nair"),
        "signed_up_at": signed_up_at,
        "cancelled_at": cancelled_at,
        "created_at": NOW,
    }
    return insert_returning_id(conn, "customer", values)


def sale(
    conn: Connection, partner_id: int, gross_minor: int, *, kind: str = "booking", occurred_at: datetime = NOW
) -> int:
    """A sale at the source, not priced into an earning."""
    values = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "kind": kind,
        "source_ref": f"sale-{next(number)}",
        "occurred_at": occurred_at,
        "gross_minor": gross_minor,
        "content_hash": b"content",
    }
    return insert_returning_id(conn, "sale", values)


def refund(conn: Connection, sale_id: int, gross_minor: int, **different: object) -> int:
    """What went back of a sale that is priced with its month."""
    of = text("SELECT partner_id FROM sale WHERE id = :id")
    values: dict[str, object] = {
        "sale_id": sale_id,
        "partner_id": conn.execute(of, {"id": sale_id}).scalar_one(),
        "event_ref": f"refund:re_{next(number)}",
        "gross_minor": gross_minor,
        "reason": "refunded",
        "made_by": "job:sync",
        "at": NOW,
    }
    return insert_returning_id(conn, "sale_refund", values | different)


def program_of(conn: Connection, partner_id: int) -> int:
    """The program a partner belongs to."""
    return int(
        conn.execute(text("SELECT program_id FROM partner WHERE id = :id"), {"id": partner_id}).scalar_one()
    )


def currency_of(conn: Connection, partner_id: int) -> str:
    """The currency of a partner's program."""
    read = text("SELECT g.currency FROM partner p JOIN program g ON g.id = p.program_id WHERE p.id = :id")
    return str(conn.execute(read, {"id": partner_id}).scalar_one())
