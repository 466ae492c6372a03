"""Locks are taken in one order by everybody: nobody holds a later one while it waits for an earlier one."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, text

from core import imports
from core.release import release_due
from tests.desk import HOST, NOW, Desk
from tests.faults.racing import TIMEOUT_S, waits_for


def test_a_release_run_takes_the_programs_in_id_order(desk: Desk, database: str) -> None:
    first = desk.scalar("SELECT min(id) FROM program")
    with desk.engine.begin() as conn:  # rewritten rows go to the end of the table: its order is not the ids'
        conn.execute(text("UPDATE program SET name = name || ' ' WHERE id = :id"), {"id": first})
    with psycopg.connect(database) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("SELECT 1 FROM program WHERE id = %s FOR SHARE", [first])
        run = threads.submit(release_due, desk.engine, now=NOW)
        try:
            waits_for(database, holder, run)
            with psycopg.connect(database) as other:
                other.execute("SELECT 1 FROM program WHERE id > %s FOR UPDATE NOWAIT", [first])
        finally:
            holder.rollback()
        run.result(TIMEOUT_S)


def test_a_strict_import_of_any_length_holds_no_audit_head_while_it_waits_for_a_partner(
    desk: Desk, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ROWS_PER_TRANSACTION", 1)
    for code in ("AFF1", "AFF2"):
        desk.partner(code)
    last = desk.scalar("SELECT id FROM partner WHERE code = 'AFF2'")
    head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
    lines = [f"affiliate,AFF{n},commission,s{n},2026-11-19T00:00:00Z,1.00,USD,Order" for n in (1, 2)]
    file = "\n".join([head, *lines, ""]).encode()

    def take_in(engine: Engine) -> int:
        return imports.import_file(
            engine,
            "sales",
            file,
            file_name="s.csv",
            actor=HOST,
            now=NOW,
            rejects_dir=desk.folder,
            strict=True,
        ).added

    with psycopg.connect(database) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("SELECT 1 FROM partner_balance WHERE partner_id = %s FOR UPDATE", [last])
        run = threads.submit(take_in, desk.engine)
        try:
            waits_for(database, holder, run)
            with psycopg.connect(database) as other:
                other.execute("SELECT 1 FROM audit_head FOR UPDATE NOWAIT")
        finally:
            holder.rollback()
        assert run.result(TIMEOUT_S) == 2
    assert desk.faults() == []
