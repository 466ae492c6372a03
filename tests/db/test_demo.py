"""The demo: every kind of payout, made through the desk's own operations, books balanced."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from core.sign_in import password_fits
from core.verify import verify
from db.demo import SIGN_INS
from db.demo.history import live_through
from db.engine import make_engine

NOW = datetime(2026, 3, 8, 10, 30, tzinfo=UTC)  # a Sunday: fifteen days before it nobody worked


def one(conn: Connection, sql: str) -> object:
    return conn.execute(text(sql)).scalar_one()


@pytest.fixture
def demo(database: str, tmp_path: Path) -> Engine:
    engine = make_engine(database, application_name="paydesk tests")
    live_through(engine, data_dir=tmp_path, now=NOW, days=16)
    return engine


def test_the_demo_balances_and_has_every_kind_of_payout(demo: Engine, tmp_path: Path) -> None:
    with demo.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        checks, _ = verify(conn)
        assert [check.name for check in checks if check.found] == []
        statuses = set(conn.execute(text("SELECT DISTINCT status FROM payout")).scalars())
        assert statuses == {
            "pending",
            "approved",
            "processing",
            "retrying",
            "paid",
            "failed",
            "rejected",
            "cancelled",
        }
        assert one(conn, "SELECT count(*) FROM program") == 6
        assert one(conn, "SELECT count(*) FROM payout WHERE status = 'pending'") > 20  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM payout WHERE approvals_needed = 2 AND status = 'pending'") > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM payout WHERE aside_until IS NOT NULL") > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM hold WHERE closed_at IS NULL AND payout_id IS NOT NULL") > 0  # type: ignore[operator]
        waits = "SELECT count(*) FROM proposal WHERE kind = 'override_request' AND decision IS NULL"
        assert one(conn, waits) > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM backup_method") > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM partner_note") > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM payment_mark") > 0  # type: ignore[operator]
        unmarked = "SELECT count(*) FROM attempt WHERE provider = 'file' AND state = 'started'"
        assert one(conn, unmarked) > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM hold WHERE reason = 'ineligible' AND closed_at IS NULL") > 0  # type: ignore[operator]
        told = one(conn, "SELECT count(*) FROM message WHERE state = 'sent'")
        assert told == len(list((tmp_path / "mail").iterdir())) > 20
        assert one(conn, "SELECT count(*) FROM message WHERE state = 'failed'") == 1
        assert one(conn, "SELECT count(*) FROM message WHERE state = 'waiting' AND tries > 0") == 1
        assert one(conn, "SELECT count(*) FROM message WHERE test AND language = 'fr'") == 1
        assert one(conn, "SELECT count(*) FROM partner WHERE language = 'fr'") > 0  # type: ignore[operator]
        kinds = set(conn.execute(text("SELECT DISTINCT kind FROM message")).scalars())
        assert kinds >= {"payout_paid", "payout_rejected", "sale_confirmed", "large_payout", "daily_summary"}
        by_policy = "SELECT count(*) FROM approval WHERE starts_with(actor, 'policy:affiliate:')"
        assert one(conn, by_policy) > 3  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM left_to_person") > 0  # type: ignore[operator]
        assert one(conn, "SELECT count(*) FROM partner WHERE overrides <> '{}'") == 11
        for column in ("queued_at", "decided_at", "processed_at"):
            assert one(conn, f"SELECT count(*) FROM payout WHERE {column} > '{NOW}'") == 0  # noqa: S608
        for name, password, roles in SIGN_INS:
            assert password_fits(conn, name, password, now=NOW)
            assert one(conn, f"SELECT roles FROM app_user WHERE name = '{name}'") == list(roles)  # noqa: S608
        assert one(conn, "SELECT count(*) FROM identity WHERE email NOT LIKE '%@example.com'") == 0
    demo.dispose()
