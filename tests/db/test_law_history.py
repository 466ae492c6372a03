"""History is added to, never edited; the audit chain has one head."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import proves, refused, state

# A column of each table, to be set to itself.
HISTORY = {
    "policy": "terms",
    "import_file": "counts",
    "destination": "account",
    "change": "new_value",
    "sale": "gross_minor",
    "sale_refund": "gross_minor",
    "earning": "amount_minor",
    "ledger_transfer": "amount_minor",
    "approval": "actor",
    "attempt_call": "outcome",
    "skip": "reason",
    "audit": "details",
    "simulator_transfer": "amount_minor",
}


@pytest.fixture
def a_story(owner: Connection) -> None:
    """A row in every table of history."""
    ana = b.partner(owner, b.program(owner))
    b.refund(owner, b.sale(owner, ana, 100), 40)
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.pay(owner, payout)
    by, empty = {"made_by": "user:ann", "at": b.NOW}, b"x"
    b.insert(
        owner,
        "attempt_call",
        {"payout_id": payout, "n": 1, "at": b.NOW, "what": "send", "outcome": "succeeded", "duration_ms": 1},
    )
    b.insert(owner, "import_file", {"kind": "sales", "file_name": "f", "sha256": empty, "counts": "{}"} | by)
    b.insert(owner, "change", {"subject": "partner", "subject_id": ana, "field": "tier"} | by)
    b.insert(owner, "skip", {"run_id": 1, "partner_id": ana, "slot": b.NOW, "reason": "on_hold", "at": b.NOW})
    b.insert(
        owner,
        "simulator_transfer",
        {"idem_key": "k", "params_hash": empty, "transfer_group": "g", "amount_minor": 1, "currency": "USD"}
        | {"destination": "d", "provider_ref": "po_1", "at": b.NOW},
    )
    b.insert(owner, "audit", audit_row(1))
    owner.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def audit_row(seq: int) -> dict[str, object]:
    return {
        "seq": seq,
        "at": b.NOW,
        "actor": "user:ann",
        "channel": "page",
        "action": "payout.approved",
        "subject": "payout",
        "ids": [1],
        "details": "{}",
        "prev_hash": b"a",
        "hash": b"b",
    }


@proves(*(f"{table}.history" for table in HISTORY), "history_is_added_to_never_edited")
@pytest.mark.usefixtures("a_story")
@pytest.mark.parametrize("table", HISTORY)
def test_history_refuses_update_delete_and_truncate(owner: Connection, table: str) -> None:
    rows = owner.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    assert rows > 0
    for act in (
        f"UPDATE {table} SET {HISTORY[table]} = {HISTORY[table]}",  # noqa: S608
        f"DELETE FROM {table}",  # noqa: S608
        f"TRUNCATE {table} CASCADE",
    ):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))
    assert owner.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == rows  # noqa: S608


@pytest.mark.usefixtures("a_story")
def test_an_upsert_is_no_way_round(owner: Connection) -> None:
    before = state(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(
            text("""
                INSERT INTO skip (run_id, partner_id, slot, reason, at)
                SELECT run_id, partner_id, slot, 'none', at FROM skip
                    ON CONFLICT (run_id, partner_id) DO UPDATE SET reason = 'none'
            """)
        )
    assert state(owner) == before


@proves("audit.audit_pkey", "audit_head.one_head", "audit_head.audit_head_pkey")
def test_the_chain_has_one_head_and_one_row_per_place(owner: Connection) -> None:
    b.insert(owner, "audit", audit_row(1))
    with refused(owner, "audit_pkey"):
        b.insert(owner, "audit", audit_row(1))
    with refused(owner, "audit_head_pkey"):
        b.insert(owner, "audit_head", {"seq": 1, "hash": b"x"})
    with refused(owner, "one_head"):
        b.insert(owner, "audit_head", {"head": False, "seq": 1, "hash": b"x"})
