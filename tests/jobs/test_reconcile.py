"""The reconcile job at the terminal and on the timetable, and what health says of it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from jobs.health import MoneyAtRisk, find_faults
from jobs.job import all_jobs
from tests.building.reconciling import close_difference, difference
from tests.building.rows import NOW
from tests.jobs.terminal import Run

BY_HAND = text("""
    INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination, provider_ref, at)
    VALUES ('po_hand', '', 'summer party', 7700, 'USD', 'acct_1', 'po_hand', '2026-11-20 11:00+00')
""")


def test_a_transfer_made_by_hand_is_told_once_and_stays_open(desk: Run, engine: Engine):
    with engine.begin() as conn:
        conn.execute(BY_HAND)
    found = {"count": 1, "amounts": [{"currency": "USD", "amount_minor": 77_00}], "transfers": 1}
    found |= {"adopted": 0, "open": 1}

    told = desk("reconcile", "--dry-run")
    first = desk("reconcile")
    second = desk("reconcile")

    assert told[1] | found == told[1]  # type: ignore[operator]
    assert first[1] | found | {"job": "reconcile", "dry_run": False} == first[1]  # type: ignore[operator]
    assert second[1] | {"count": 0, "amounts": [], "open": 1} == second[1]  # type: ignore[operator]
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM difference")).scalar_one() == 1
        assert conn.execute(text("SELECT count(*) FROM reconciliation")).scalar_one() == 2


def test_it_runs_daily_at_six():
    slots = all_jobs()["reconcile"].slots
    assert slots is not None
    assert slots.following(datetime(2026, 11, 20, 5, 59, tzinfo=UTC)) == datetime(
        2026, 11, 20, 6, 0, tzinfo=UTC
    )
    assert slots.following(datetime(2026, 11, 20, 6, 0, tzinfo=UTC)) == datetime(
        2026, 11, 21, 6, 0, tzinfo=UTC
    )


def test_an_open_difference_is_a_fault_with_its_money_until_it_is_closed(owner: Connection):
    found = difference(owner)
    difference(owner, {"thing": "po_other", "provider_ref": "po_other", "amount_minor": 1_00})

    (fault,) = [fault for fault in find_faults(owner, now=NOW) if fault.name == "open_differences"]

    assert fault.sentence.startswith("2 differences")
    assert fault.money_at_risk == (MoneyAtRisk(currency="USD", amount_minor=78_00),)
    close_difference(owner, found)
    assert [f.money_at_risk[0].amount_minor for f in find_faults(owner, now=NOW) if f.name == fault.name] == [
        1_00
    ]
