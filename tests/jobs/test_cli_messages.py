"""Messages from the command line: preferences, tests, the log, the reason of a rejection, and what the time tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.jobs.terminal import SECRET, Run
from tests.mail.server import FakeMail

PARTNER = (
    "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status\n"
    "affiliate,AFF1,Ana Silva,ana@example.com,,US,USD,stripe,acct_1,2025-01-01,active\n"
)


@pytest.fixture
def ola(desk: Run, tmp_path: Path) -> Run:
    """The desk with an operator and a partner in it."""
    assert desk("users", "add", "ola", "--role", "operator", stdin=SECRET + "\n")[0] == 0
    file = tmp_path / "partners.csv"
    file.write_text(PARTNER)
    assert desk("import", "partners", str(file), "--as", "ola")[0] == 0
    return desk


def test_preferences_are_shown_and_changed_by_somebody(ola: Run) -> None:
    code, document = ola("messages", "preferences", "AFF1")
    assert code == 0
    assert isinstance(document, dict)
    assert (document["language"], document["notice_days"], document["phone"]) == (None, None, None)
    assert "payout_paid:email" in document["told"]
    assert "sale_confirmed:email" not in document["told"]

    change = (
        "messages",
        "preferences",
        "AFF1",
        "--language",
        "fr",
        "--notice-days",
        "3",
        "--phone",
        "+351912345678",
    )
    assert ola(*change)[0] == 2  # nobody says who
    code, document = ola(*change, "--want", "payout_paid:sms", "--unwant", "milestone", "--as", "ola")
    assert code == 0
    assert isinstance(document, dict)
    assert (document["language"], document["notice_days"], document["phone"]) == ("fr", 3, "…678")
    assert "payout_paid:sms" in document["told"]
    assert "milestone:email" not in document["told"]

    code, refused = ola("messages", "preferences", "AFF1", "--unwant", "destination_changed", "--as", "ola")
    assert code == 1
    assert isinstance(refused, dict)
    assert refused["refused"] == "security_notice"
    code, document = ola("messages", "preferences", "AFF1", "--language", "program", "--as", "ola")
    assert isinstance(document, dict)
    assert document["language"] is None


def test_a_test_message_waits_is_sent_and_stands_in_the_log(
    ola: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, document = ola(
        "messages", "test", "payout_failed", "--to", "me@example.com", "--language", "fr", "--as", "ola"
    )
    assert code == 0
    assert isinstance(document, dict)
    assert document["state"] == "waiting"
    with FakeMail() as mail:
        monkeypatch.setenv("PAYDESK_NOTIFY_SMTP_URL", f"smtp://{mail.at.host}:{mail.at.port}")
        monkeypatch.setenv("PAYDESK_NOTIFY_FROM", "payouts@example.com")
        monkeypatch.setenv("PAYDESK_NOTIFY_FINANCE", "finance@example.com")
        assert ola("notify", "--as", "ola")[0] == 0
        [letter] = mail.accepted
    assert letter.to == ("me@example.com",)
    assert str(letter.message["Subject"]).strip().startswith("[Essai] ")
    code, log = ola("messages", "log")
    assert code == 0
    assert isinstance(log, list)
    assert [(row["kind"], row["channel"], row["outcome"]) for row in log] == [
        ("payout_failed", "email", "sent")
    ]
    assert "me@example.com" not in str(log)
    assert ola("messages", "test", "lunch", "--to", "me@example.com", "--as", "ola")[0] == 1


def test_the_time_is_told_once_however_often_the_job_runs(ola: Run, engine: Engine) -> None:
    at = "2026-11-21T07:00:00Z"
    for _ in range(3):
        code, document = ola("remind", "--as", "ola", now=at)
        assert code == 0, document
    with engine.connect() as conn:
        kinds = list(
            conn.execute(text("SELECT kind FROM message WHERE kind <> 'alert' ORDER BY id")).scalars()
        )
        alerts = conn.execute(text("SELECT count(*), count(DISTINCT name) FROM alert")).one()
    assert kinds == ["daily_summary"]
    assert alerts[0] == alerts[1]


def test_a_dry_run_tells_nobody(ola: Run, engine: Engine) -> None:
    code, document = ola("remind", "--dry-run", "--as", "ola", now="2026-11-21T07:00:00Z")
    assert code == 0
    assert isinstance(document, dict)
    assert document["count"] >= 1
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM message")).scalar_one() == 0
        assert conn.execute(text("SELECT count(*) FROM told_day")).scalar_one() == 0
