"""The notify job as the settings make it: a mail server, the demo's folder, or nothing; and what is left when it is killed."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.access import job_actor
from core.stops import stop_sending
from jobs.health import find_faults
from tests.desk import HOUR, NOW
from tests.jobs.terminal import NOW as AT
from tests.jobs.terminal import Run
from tests.mail.server import FakeMail
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import TEST_KEY

ROOT = Path(__file__).parents[2]
FROM = {"PAYDESK_NOTIFY_FROM": "payouts@example.com", "PAYDESK_NOTIFY_FINANCE": "finance@example.com"}


@pytest.fixture
def mail() -> Iterator[FakeMail]:
    with FakeMail() as mail:
        yield mail


@pytest.fixture
def stopped(ola: Run, engine: Engine) -> int:
    """One message to finance waits."""
    assert ola("messages") == (0, [])
    with engine.begin() as conn:
        stop_sending(conn, why="two transfers look wrong", actor=job_actor("check"), now=NOW)
        return int(conn.execute(text("SELECT id FROM message")).scalar_one())


def url(mail: FakeMail) -> str:
    return f"smtp://{mail.at.host}:{mail.at.port}"


def with_mail(monkeypatch: pytest.MonkeyPatch, mail: FakeMail) -> None:
    for name, value in ({"PAYDESK_NOTIFY_SMTP_URL": url(mail)} | FROM).items():
        monkeypatch.setenv(name, value)


def state(engine: Engine) -> str:
    with engine.connect() as conn:
        return str(conn.execute(text("SELECT state FROM message")).scalar_one())


def notify(run: Run, *, now: str = AT) -> dict[str, object]:
    code, document = run("notify", "--as", "ola", now=now)
    assert (code, isinstance(document, dict)) == (0, True), document
    return document  # type: ignore[return-value]


@pytest.fixture
def ola(desk: Run) -> Run:
    """The desk with an operator in it."""
    from tests.jobs.terminal import SECRET

    assert desk("users", "add", "ola", "--role", "operator", stdin=SECRET + "\n")[0] == 0
    return desk


def test_without_a_mail_server_messages_wait_calmly(ola: Run, engine: Engine, stopped: int) -> None:
    assert stopped
    document = notify(ola)
    assert document["count"] == 0
    assert "not set up" in str(document["note"])
    assert state(engine) == "waiting"
    with engine.connect() as conn:
        names = [fault.name for fault in find_faults(conn, now=NOW + 5 * HOUR, books_note="")]
    assert "messages_late" not in names
    assert "messages_failed" not in names


def test_in_the_demo_each_letter_is_a_file_that_only_its_owner_reads(
    ola: Run, engine: Engine, stopped: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert stopped
    monkeypatch.setenv("PAYDESK_ENV", "demo")
    assert notify(ola)["sent"] == 1
    [path] = (tmp_path / "data" / "mail").iterdir()
    letter = message_from_bytes(path.read_bytes(), policy=default)
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert letter["To"] == "finance@example.com"
    assert letter["Subject"] == "All payouts are stopped by the desk itself"
    assert state(engine) == "sent"


def test_with_a_mail_server_it_hands_over_and_says_how_many(
    ola: Run, engine: Engine, stopped: int, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopped
    with_mail(monkeypatch, mail)
    assert notify(ola)["sent"] == 1
    assert [one.to for one in mail.accepted] == [("finance@example.com",)]
    assert state(engine) == "sent"


def test_what_failed_or_waits_too_long_is_a_fault_that_a_person_ends(
    ola: Run, engine: Engine, stopped: int, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mail(monkeypatch, mail)

    def faults() -> set[str]:
        with engine.connect() as conn:
            found = find_faults(conn, now=NOW + 3 * HOUR, books_note="")
        return {fault.name for fault in found if fault.name.startswith("messages")}

    assert faults() == {"messages_late"}
    mail.trouble("RCPT", "550 no such mailbox")
    notify(ola)
    assert faults() == {"messages_failed"}

    code, listed = ola("messages", "--open")
    assert code == 0
    assert [(row["id"], row["state"], row["error"]) for row in listed] == [  # type: ignore[attr-defined]
        (stopped, "failed", "550 no such mailbox")
    ]
    assert ola("messages", "again", str(stopped), "--as", "vic")[0] == 1
    assert ola("messages", "again", str(stopped), "--as", "ola") == (0, {"id": stopped, "state": "waiting"})
    assert ola("messages", "drop", str(stopped), "--reason", "told by phone", "--as", "ola")[0] == 0
    assert ola("messages", "again", str(stopped), "--as", "ola")[0] == 1
    code, listed = ola("messages")
    assert [(row["state"], row["error"]) for row in listed] == [("dropped", "told by phone")]  # type: ignore[attr-defined]
    assert faults() == set()
    assert mail.accepted == []


def test_a_link_is_refused_on_the_simulator_in_a_sentence(ola: Run) -> None:
    code, document = ola("onboard", "AFF1", "--as", "ola")
    assert code == 1
    assert document == {
        "refused": "no_accounts",
        "sentence": "The simulator has no accounts: there is nothing to complete, and no link to mail.",
    }


def test_a_link_goes_from_the_command_line_into_the_mail_and_nowhere_else(
    ola: Run,
    mail: FakeMail,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    partner = tmp_path / "partners.csv"
    partner.write_text(
        "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status\n"
        "affiliate,AFF1,Ana Silva,ana@example.com,,US,USD,stripe,acct_1,2025-01-01,active\n"
    )
    assert ola("import", "partners", str(partner), "--as", "ola")[0] == 0
    with_mail(monkeypatch, mail)
    with FakeStripe() as stripe:
        stripe.platform.add_account("acct_1", payouts_enabled=False)
        for name, value in {
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": TEST_KEY,
            "STRIPE_ACCOUNT_ID": "acct_platform",
            "STRIPE_API_BASE": stripe.url,
            "PAYDESK_PUBLIC_URL": "https://example.com/partners",
        }.items():
            monkeypatch.setenv(name, value)
        code, asked = ola("onboard", "AFF1", "--as", "ola")
        assert code == 0, asked
        with caplog.at_level(logging.DEBUG):
            document = notify(ola)
            if not mail.accepted:  # on a busy machine Stripe may be asked in vain once
                document = notify(ola, now="2026-11-20T13:00:00Z")

    [letter] = mail.accepted
    links = re.findall(r"https://connect\.stripe\.com/\S+", letter.body)
    assert len(links) == 1
    assert letter.to == ("ana@example.com",)
    assert document["sent"] == 1
    assert links[0] not in str((asked, document, ola("messages"))) + caplog.text


@pytest.mark.faults
@pytest.mark.parametrize("step", ["connect", "MAIL", "DATA", "accepted"])
def test_killed_at_any_step_a_letter_is_unclear_and_never_sent_twice(  # noqa: PLR0917 - fixtures
    ola: Run,
    engine: Engine,
    stopped: int,
    mail: FakeMail,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    assert stopped
    with_mail(monkeypatch, mail)
    trouble = mail.trouble(step, hang=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs", "notify", "--as", "ola", "--now", AT], cwd=ROOT, env=dict(os.environ)
    )
    try:
        assert trouble.reached.wait(120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        trouble.go_on.set()
    assert state(engine) == "sending"
    taken = len(mail.accepted)
    assert taken == (step == "accepted")

    assert notify(ola)["count"] == 0  # its lease still stands
    with engine.begin() as conn:
        conn.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))
    assert notify(ola)["unclear"] == 1
    notify(ola)
    assert state(engine) == "unclear"
    assert len(mail.accepted) == taken
