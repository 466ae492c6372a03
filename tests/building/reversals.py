"""Money pulled back by two people, one reversal at a time, as the law asks for it."""

from __future__ import annotations

import json
from uuid import uuid4

from sqlalchemy import Connection, text

from tests.building.earnings import move
from tests.building.proposals import decide_proposal, proposal
from tests.building.rows import NOW, change, insert, insert_returning_id

PAID = text("""
    SELECT p.partner_id, p.program_id, p.currency, a.provider, a.provider_ref
      FROM payout p LEFT JOIN attempt a ON a.payout_id = p.id AND a.state = 'succeeded'
     WHERE p.id = :id
""")


def agree_reversal(conn: Connection, payout_id: int, amount_minor: int, **different: object) -> int:
    """Two people agree to pull so many dollars' cents of a payout back."""
    content = json.dumps({"amount_minor": amount_minor, "currency": "USD"})
    values = {"kind": "reverse_payout", "subject": "payout", "ids": [payout_id], "content": content}
    agreed = proposal(conn, **(values | different))
    decide_proposal(conn, agreed)
    return agreed


def reversal(conn: Connection, payout_id: int, n: int = 1, **different: object) -> None:
    """A reversal of 10.00 that was agreed on and not sent yet."""
    paid = conn.execute(PAID, {"id": payout_id}).one()
    amount = int(str(different.get("amount_minor", 10_00)))
    ref = str(uuid4())
    params = {"amount_minor": amount, "currency": paid.currency, "reversal_ref": ref}
    values: dict[str, object] = {
        "payout_id": payout_id,
        "n": n,
        "ref": ref,
        "idem_key": f"rv_{ref}_{n}",
        "provider": paid.provider or "simulator",
        "params": json.dumps(params | {"transfer": paid.provider_ref}),
        "params_hash": b"params",
        "amount_minor": amount,
        "currency": paid.currency,
        "started_at": NOW,
    }
    if "proposal_id" not in different:
        values["proposal_id"] = agree_reversal(conn, payout_id, amount)
    insert(conn, "reversal", values | different)


LAST = "payout_id = :id AND n = (SELECT max(n) FROM reversal WHERE payout_id = :id)"


def send_reversal(conn: Connection, payout_id: int, **different: object) -> None:
    """Send the payout's last reversal for the first time."""
    sent = {"sent_at": NOW, "first_sent_at": NOW, "lease_until": NOW, "lease_epoch": 1}
    change(conn, "reversal", sent | different, LAST, id=payout_id)


def end_reversal(conn: Connection, payout_id: int, state: str, **different: object) -> None:
    """Write the outcome of the payout's last reversal, and its return; absent is what two people agreed on."""
    n = conn.execute(
        text("SELECT max(n) FROM reversal WHERE payout_id = :id"), {"id": payout_id}
    ).scalar_one()
    if state == "absent":
        content = json.dumps({"reversal": n})
        agreed = proposal(conn, kind="reversal_absent", subject="payout", ids=[payout_id], content=content)
        decide_proposal(conn, agreed)
    ended = {"ended_at": NOW} if state in {"succeeded", "declined", "absent"} else {}
    ref = {"provider_ref": f"trr_{uuid4().hex}"} if state == "succeeded" else {}
    values: dict[str, object] = {"state": state} | ended | ref | different
    change(conn, "reversal", values, LAST, id=payout_id)
    if values["state"] == "succeeded":
        amount: int = conn.execute(
            text(f"SELECT amount_minor FROM reversal WHERE {LAST}"),  # noqa: S608 - a constant
            {"id": payout_id},
        ).scalar_one()
        come_back(conn, payout_id, amount, str(values["provider_ref"]))


def come_back(conn: Connection, payout_id: int, amount_minor: int, event_ref: str) -> None:
    """Book so much of a payout as come back by this event; its status stays."""
    paid = conn.execute(PAID, {"id": payout_id}).one()
    values: dict[str, object] = {
        "program_id": paid.program_id,
        "partner_id": paid.partner_id,
        "kind": "return",
        "source_ref": event_ref,
        "amount_minor": amount_minor,
        "occurred_at": NOW,
        "release_at": NOW,
        "made_by": "job:reversals",
    }
    earning_id = insert_returning_id(conn, "earning", values)
    item = {"earning_id": earning_id, "partner_id": paid.partner_id, "amount_minor": amount_minor}
    insert(conn, "open_item", item | {"release_at": NOW, "on_hold": True})
    back = {"payout_id": payout_id, "earning_id": earning_id}
    move(conn, paid.partner_id, "return", "paid", "available", amount_minor, **back)
    move(conn, paid.partner_id, "hold", "available", "held", amount_minor, earning_id=earning_id)
