"""The command line as scripts rely on it, from outside its parser to its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine, make_url, text

from core.sign_in import SignInRefused
from jobs.cli.main import main
from jobs.cli.proof import ask_password
from jobs.clock import Clock
from tests.jobs.terminal import NOW, SECRET, Run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120  # of a test for a process; never waited for when all is well
NEWEST = max((ROOT / "db" / "migrations").glob("*.sql")).name[:4]


def user_rows(engine: Engine) -> list[tuple[str, list[str], bool]]:
    with engine.connect() as conn:
        return [
            tuple(row) for row in conn.execute(text("SELECT name, roles, active FROM app_user ORDER BY name"))
        ]


def test_migrate_installs_the_presets_once_and_touches_none_that_is_there(
    run: Run, server_url: str, monkeypatch: pytest.MonkeyPatch
):
    name = f"paydesk_test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        empty = (
            make_url(server_url)
            .set(drivername="postgresql", database=name)
            .render_as_string(hide_password=False)
        )
        monkeypatch.setenv("DATABASE_URL", empty)
        assert run("db", "migrate") == (0, {"ok": True, "revision": NEWEST, "programs_added": 6})
        with psycopg.connect(empty) as owner:
            owner.execute("UPDATE program SET name = 'Ours' WHERE code = 'barber'")
        assert run("db", "migrate") == (0, {"ok": True, "revision": NEWEST, "programs_added": 0})
        with psycopg.connect(empty) as owner:
            assert owner.execute("SELECT name FROM program WHERE code = 'barber'").fetchone() == ("Ours",)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_people_are_added_changed_and_disabled(run: Run, engine: Engine):
    added = run("users", "add", "ada", "--role", "approver", "--role", "maker", stdin=SECRET + "\n")
    assert added == (0, {"user": "ada", "roles": ["maker", "approver"], "active": True})
    assert run("users", "role", "ada", "--role", "viewer") == (
        0,
        {"user": "ada", "roles": ["viewer"], "active": True},
    )
    assert run("users", "password", "ada", stdin="another long one, äöü\n")[0] == 0
    assert run("users", "disable", "ada") == (0, {"user": "ada", "roles": ["viewer"], "active": False})
    with engine.connect() as conn:
        assert conn.execute(text("SELECT DISTINCT actor ~ '^os:.+', channel FROM audit")).all() == [
            (True, "cli")
        ]


def test_a_person_that_cannot_be_is_refused_by_name(run: Run, engine: Engine):
    assert run("users", "add", "ada", "--role", "approver", stdin=SECRET + "\n")[0] == 0
    before = user_rows(engine)
    for argv, stdin, code in (
        (("users", "add", "ada", "--role", "maker"), SECRET, "user_exists"),
        (("users", "add", "eve", "--role", "maker"), "short", "weak_password"),
        (("users", "add", "eve", "--role", "boss"), SECRET, "unknown_role"),
        (("users", "add", "Eve!", "--role", "maker"), SECRET, "bad_user_name"),
        (("users", "disable", "eve"), "", "unknown_user"),
    ):
        exit_code, document = run(*argv, stdin=stdin + "\n")
        assert (exit_code, document["refused"]) == (1, code)  # type: ignore[index]
    assert user_rows(engine) == before


@pytest.mark.parametrize(
    "argv",
    [
        ("approve", "1"),
        ("request", "P1", "10.00", "--reason", "r"),
        ("reject", "1", "--as", "ada"),
        ("reject", "1", "--reason", "  ", "--as", "ada"),
        ("approve", "one", "--as", "ada"),
        ("approve", "--as", "ada"),
        ("approve", str(2**63), "--as", "ada"),
        ("release", "--limit", "0"),
        ("payouts", "--status", "lost"),
        ("users", "add", "ada"),
        ("unheard-of",),
        ("import", "sales", "/nowhere/at/all.csv"),
    ],
)
def test_wrong_usage_exits_2_and_says_why(run: Run, argv: tuple[str, ...]):
    code, document = run(*argv)
    assert code == 2
    assert list(document) == ["error"]  # type: ignore[call-overload]


def test_a_decision_by_someone_unknown_or_without_the_right_refuses_every_id(desk: Run):
    for name, code in (("eve", "unknown_user"), ("vic", "not_allowed")):
        exit_code, document = desk("approve", "7", "8", "7", "--as", name)
        assert exit_code == 1
        assert [(no["id"], no["code"]) for no in document["refused"]] == [(7, code), (8, code)]  # type: ignore[index]
        assert (document["done"], document["waiting"]) == ([], [])  # type: ignore[index]
    assert desk("request", "P1", "10.00", "--reason", "r", "--as", "vic")[1]["refused"] == "not_allowed"  # type: ignore[index]


def test_unknown_things_are_refused_by_name(desk: Run):
    for argv, code in (
        (("summary", "NOBODY"), "unknown_partner"),
        (("payout", "77"), "unknown_payout"),
        (("release", "--program", "nothing"), "unknown_program"),
        (("queue", "--partner", "NOBODY"), "unknown_partner"),
        (("send", "--payout-id", "77"), "unknown_payout"),
        (("request", "NOBODY", "10.00", "--reason", "r", "--as", "mia"), "unknown_partner"),
    ):
        exit_code, document = desk(*argv)
        assert (exit_code, document["refused"]) == (1, code), argv  # type: ignore[index]


@pytest.mark.parametrize(
    "job",
    ["accrue", "release", "queue", "send", "retry", "resolve", "reversals", "events", "reconcile", "check"],
)
def test_every_job_prints_its_figures(desk: Run, job: str):
    for options in ((), ("--dry-run",)):
        code, document = desk(job, *options)
        assert code == 0
        assert isinstance(document, dict)
        assert (document["job"], document["count"], document["amounts"]) == (job, 0, [])
        assert document["duration_ms"] >= 0
        if job == "queue":
            assert document["skipped"] == []
        if job in {"send", "retry"}:
            assert (document["succeeded"], document["declined"], document["unknown"]) == (0, 0, 0)


@pytest.mark.usefixtures("desk")
def test_options_are_taken_in_any_position(capsys: pytest.CaptureFixture[str]):
    for argv in (
        ["--json", "payouts", "--now", NOW],
        ["payouts", "--json", "--limit", "5", "--now", NOW],
        ["--now", NOW, "payouts", "--limit", "5", "--json"],
    ):
        assert main(argv) == 0
        assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("desk")
def test_without_json_the_same_content_is_text(capsys: pytest.CaptureFixture[str]):
    assert main(["users", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "user  roles     active",
        "ada   approver  yes",
        "mia   maker     yes",
        "vic   viewer    yes",
    ]


def test_a_command_works_at_the_very_instant_it_is_told_so_the_next_one_at_the_same_sees_what_it_did(
    run: Run, engine: Engine
):
    assert run("users", "add", "mia", "--role", "maker", stdin=SECRET + "\n")[0] == 0
    with engine.connect() as conn:
        assert set(conn.execute(text("SELECT at FROM audit")).scalars()) == {datetime.fromisoformat(NOW)}


def test_the_clock_cannot_be_moved_in_production(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    del run
    monkeypatch.setenv("PAYDESK_ENV", "production")
    assert main(["payouts", "--json", "--now", NOW]) == 2
    assert list(json.loads(capsys.readouterr().out)) == ["error"]


def test_a_desk_without_a_scheduler_is_not_healthy(desk: Run):
    code, document = desk("health")
    assert code == 1
    assert isinstance(document, dict)
    assert [fault["name"] for fault in document["faults"]] == ["scheduler_silent"]
    assert document["faults"][0]["money_at_risk"] == []


def test_verify_finds_nothing_on_a_new_desk_and_names_the_head(desk: Run):
    code, document = desk("verify")
    assert code == 0
    assert isinstance(document, dict)
    assert document["ok"]
    assert all(check["found"] == 0 for check in document["checks"])
    assert len(document["audit_head"]) == 64


def test_an_empty_database_says_what_to_do(
    environment: dict[str, str],
    server_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    del environment
    empty = make_url(server_url).set(drivername="postgresql", database="template1")
    monkeypatch.setenv("DATABASE_URL", empty.render_as_string(hide_password=False))
    assert main(["payouts", "--json"]) == 1
    assert "db migrate" in json.loads(capsys.readouterr().out)["error"]


def test_the_command_line_brings_no_streamlit():
    code = (
        "import sys; from jobs.cli.main import build_parser; build_parser();"
        " print([name for name in ('streamlit', 'pandas', 'alembic', 'plotly') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def beat(conn: Connection) -> datetime | None:
    found: datetime | None = conn.execute(
        text("SELECT started_at FROM heartbeat WHERE job = 'scheduler'")
    ).scalar_one_or_none()
    return found


@pytest.mark.faults
def test_a_scheduler_killed_comes_back_at_once_and_ends_on_sigterm(
    desk: Run, environment: dict[str, str], engine: Engine
):
    del desk
    command = [sys.executable, "-m", "jobs", "--now", NOW]

    def start() -> subprocess.Popen[bytes]:
        with engine.connect() as conn:
            known = beat(conn)
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE_S
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while beat(conn) in {None, known}:
                assert process.poll() is None
                assert time.monotonic() < deadline
        return process

    first = start()
    first.send_signal(signal.SIGKILL)
    first.wait(PATIENCE_S)
    second = start()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        deadline = time.monotonic() + PATIENCE_S
        slots = text("SELECT DISTINCT job, slot FROM job_run WHERE slot IS NOT NULL AND ok")
        while len(served := conn.execute(slots).all()) < 4:
            assert time.monotonic() < deadline, served
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
    noon = datetime.fromisoformat(NOW).astimezone(UTC)
    assert dict(tuple(row) for row in served) == {
        "accrue": noon - timedelta(hours=10, minutes=30),
        "release": noon,
        "queue": noon - timedelta(hours=9, minutes=45),
        "reconcile": noon - timedelta(hours=6),
    }


def test_in_production_a_person_proves_who_they_are_and_wrong_passwords_count(
    desk: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    del desk
    wrong_ones = text("SELECT failed_attempts FROM app_user WHERE name = 'ada'")
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: SECRET + "?")
    with pytest.raises(SignInRefused):
        ask_password(engine, "ada", clock=Clock())
    with engine.connect() as conn:
        assert conn.execute(wrong_ones).scalar_one() == 1
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: SECRET)
    ask_password(engine, "ada", clock=Clock())
    with engine.connect() as conn:
        assert conn.execute(wrong_ones).scalar_one() == 0
