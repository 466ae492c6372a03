"""The control record: everything about a payout in one file, and proofs that fail when a row was tampered with."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from core.reports.control_page import control_page
from core.reports.control_record import ControlRecord, control_record
from tests.desk import HOUR, NOW, Desk, Rail, declined


def record(desk: Desk, payout_id: int, *, masked: bool = False) -> ControlRecord:
    with desk.engine.connect() as conn:
        found = control_record(conn, payout_id, now=NOW + HOUR, masked=masked)
    assert found is not None
    return found


def broken(desk: Desk, payout_id: int) -> list[str]:
    return [proof.what for proof in record(desk, payout_id).proofs if not proof.holds]


@pytest.fixture
def paid(desk: Desk) -> int:
    """25.00 asked for by mia, approved by ada, refused once and paid at the second try."""
    desk.partner("AFF1")
    desk.sale("AFF1", "25.00", ref="s1")
    desk.release()
    payout_id = desk.request("AFF1", "25.00")
    desk.approve(payout_id)
    desk.send(Rail(declined("network_timeout")))
    desk.send(Rail(), now=NOW + HOUR)
    assert desk.status(payout_id) == "paid"
    return payout_id


def test_an_honest_payout_proves_itself_in_every_state(desk: Desk, paid: int) -> None:
    desk.sale("AFF1", "40.00", ref="s2")
    desk.release()
    waiting = desk.request("AFF1", "40.00")
    assert broken(desk, paid) == broken(desk, waiting) == []
    desk.approve(waiting)
    assert broken(desk, waiting) == []


def test_the_file_names_people_amounts_keys_and_hashes(desk: Desk, paid: int) -> None:
    page = control_page(record(desk, paid)).decode()
    keys = desk.column("SELECT idem_key FROM attempt ORDER BY n")
    hashes = desk.column(
        "SELECT encode(hash, 'hex') FROM audit WHERE subject = 'payout' AND ids @> ARRAY[CAST(:id AS bigint)]",
        id=paid,
    )
    for said in ("$24.75", "user:ada", "mia", "Ana Silva", "Network timeout", *keys, *hashes):
        assert str(said) in page, said
    assert "DOES NOT HOLD" not in page
    assert "<script" not in page


def test_it_comes_out_the_same_and_without_names_when_masked(desk: Desk, paid: int) -> None:
    assert control_page(record(desk, paid)) == control_page(record(desk, paid))
    assert "Ana Silva" not in control_page(record(desk, paid, masked=True)).decode()


def test_a_text_of_somebody_else_is_only_text(desk: Desk, paid: int) -> None:
    desk.decide(lambda conn: conn.execute(text("UPDATE identity SET name = '<script>alert(1)</script>'")))
    page = control_page(record(desk, paid)).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("tampering", "proof"),
    [
        (
            "UPDATE attempt SET params = jsonb_set(params, '{amount_minor}', '9999')",
            "Every attempt carries",
        ),
        ("UPDATE attempt SET approved_hash = 'other'", "What was sent had been approved"),
        ("UPDATE approval SET at = at + interval '1 year'", "What was sent had been approved"),
        ("UPDATE approval SET actor = 'user:mia'", "Nobody who made it approved it"),
        ("UPDATE payout SET amount_minor = amount_minor + 1", "The items add up"),
        ("DELETE FROM ledger_transfer WHERE kind = 'fee'", "The reservation ended once"),
        (
            "UPDATE audit SET actor = 'user:eve' WHERE action = 'payout.approved'",
            "Every row of the trail",
        ),
    ],
)
def test_whoever_tampers_with_a_row_breaks_a_proof(
    desk: Desk, database: str, paid: int, tampering: str, proof: str
) -> None:
    table = tampering.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    with psycopg.connect(database) as owner:
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        owner.execute(tampering)
    assert any(what.startswith(proof) for what in broken(desk, paid))
    assert "DOES NOT HOLD" in control_page(record(desk, paid)).decode()
