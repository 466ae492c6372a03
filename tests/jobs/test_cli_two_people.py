"""Two people at the terminal: the stop switch, proposals, and what the check does by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from tests.core.agreeing import waits_for_people
from tests.desk import Desk, open_desk
from tests.jobs.terminal import NOW, SECRET, Run

TOMORROW = "2026-11-21T12:01:00Z"


@pytest.fixture
def people(desk: Run) -> Run:
    """The desk with two who may start sending, beside ada, who may too."""
    for name, role in (("ola", "operator"), ("oda", "operator")):
        assert desk("users", "add", name, "--role", role, stdin=SECRET + "\n")[0] == 0
    return desk


def done(answer: tuple[int, object]) -> Any:  # noqa: ANN401 - a JSON document
    """The document of a command that worked."""
    code, document = answer
    assert code == 0, document
    return document


def refused(answer: tuple[int, object]) -> str:
    """The code of a refusal."""
    exit_code, document = answer
    assert (exit_code, sorted(document)) == (1, ["refused", "sentence"])  # type: ignore[call-overload]
    return str(document["refused"])  # type: ignore[index]


def names(answer: tuple[int, object]) -> list[str]:
    """The faults that health found."""
    return [fault["name"] for fault in answer[1]["faults"]]  # type: ignore[index]


def test_one_person_stops_and_two_start_again(people: Run):
    stop = done(people("stop", "--why", "looks wrong", "--as", "mia"))
    assert (stop["stopped_by"], stop["why"]) == ("user:mia", "looks wrong")
    assert stop["stopped_at"].startswith(NOW[:16])
    assert done(people("stop", "--why", "me too", "--as", "ada"))["id"] == stop["id"]
    assert "sending_stopped" in names(people("health"))

    made = done(people("start", "--why", "looked at it", "--as", "ola"))
    assert (made["kind"], made["ids"], made["made_by"]) == ("start_sending", [stop["id"]], "user:ola")
    assert [one["id"] for one in done(people("proposals"))] == [made["id"]]
    assert refused(people("start", "--why", "me too", "--as", "ada")) == "already_proposed"
    assert refused(people("confirm", str(made["id"]), "--as", "ola")) == "own_proposal"
    assert refused(people("confirm", str(made["id"]), "--as", "mia")) == "not_allowed"
    assert refused(people("confirm", str(made["id"]), "--as", "ada", now=TOMORROW)) == "expired"
    assert "sending_stopped" in names(people("health"))

    confirmed = done(people("confirm", str(made["id"]), "--as", "ada"))
    assert (confirmed["decision"], confirmed["decided_by"]) == ("confirm", "user:ada")
    assert names(people("health")) == ["scheduler_silent"]
    assert done(people("proposals")) == []
    assert refused(people("confirm", str(made["id"]), "--as", "oda")) == "decided"
    assert refused(people("start", "--why", "again", "--as", "ola")) == "not_stopped"


def test_a_refusal_leaves_sending_stopped(people: Run):
    done(people("stop", "--why", "looks wrong", "--as", "ola"))
    made = done(people("start", "--why", "looked at it", "--as", "ola"))

    no = done(people("refuse", str(made["id"]), "--reason", "not yet", "--as", "ada"))

    assert (no["decision"], no["decide_note"]) == ("refuse", "not yet")
    assert "sending_stopped" in names(people("health"))
    done(people("start", "--why", "now it is", "--as", "oda"))


def test_who_may_not_and_what_is_not_there_is_refused_by_name(people: Run):
    assert refused(people("stop", "--why", "because", "--as", "vic")) == "not_allowed"
    assert refused(people("stop", "--why", "because", "--as", "eve")) == "unknown_user"
    assert refused(people("confirm", "77", "--as", "ada")) == "unknown_proposal"
    assert refused(people("absent", "77", "--why", "because", "--as", "ola")) == "unknown_payout"


@pytest.mark.parametrize(
    "argv",
    [
        ("stop", "--why", "because"),
        ("stop", "--as", "ada"),
        ("stop", "--why", " ", "--as", "ada"),
        ("start", "--why", "because"),
        ("confirm", "1"),
        ("refuse", "1", "--as", "ada"),
    ],
)
def test_without_a_person_or_a_reason_it_is_wrong_usage(run: Run, argv: tuple[str, ...]):
    code, document = run(*argv)
    assert (code, list(document)) == (2, ["error"])  # type: ignore[call-overload]


@pytest.fixture
def money(engine: Engine, tmp_path: Path) -> Desk:
    """Partners and payouts on the same database."""
    return open_desk(engine, tmp_path)


def test_send_leaves_everything_here_while_stopped_and_refuses_one_by_name(people: Run, money: Desk):
    payout = money.approved()
    done(people("stop", "--why", "looks wrong", "--as", "ola"))

    assert done(people("send"))["count"] == 0
    assert refused(people("send", "--payout-id", str(payout))) == "sending_stopped"

    assert money.status(payout) == "approved"
    assert [one["code"] for one in done(people("payout", str(payout)))["blocking"]] == ["sending_stopped"]


def test_two_people_prove_a_transfer_absent(people: Run, money: Desk):
    payout = waits_for_people(money)

    made = done(people("absent", str(payout), "--why", "asked the provider", "--as", "ola"))
    assert made["content"]["absent_looks"] == 3
    done(people("confirm", str(made["id"]), "--as", "ada", "--note", "seen the letter"))

    assert (money.status(payout), money.balance("AFF1").reserved) == ("approved", 25_00)


def test_books_that_do_not_hold_stop_sending_by_themselves_until_two_people_start_it(
    people: Run, money: Desk, database: str
):
    payout = money.approved()
    with psycopg.connect(database) as owner:
        owner.execute("ALTER TABLE partner_balance DISABLE TRIGGER USER")
        owner.execute("UPDATE partner_balance SET paid = paid + 1")
    people("check", "--dry-run")
    assert money.scalar("SELECT count(*) FROM sending_stop") == 0

    for _ in range(2):
        assert "books_broken" in done(people("check"))["faults"]

    (stop,) = money.column("SELECT stopped_by || ': ' || why FROM sending_stop")
    assert str(stop).startswith("job:check: The books do not hold: balances equal the ledger (1)")
    assert names(people("health"))[:2] == ["books_broken", "sending_stopped"]
    assert done(people("send"))["count"] == 0
    assert money.status(payout) == "approved"

    with psycopg.connect(database) as owner:
        owner.execute("UPDATE partner_balance SET paid = paid - 1")
        owner.execute("ALTER TABLE partner_balance ENABLE TRIGGER USER")
    assert refused(people("start", "--why", "mended", "--as", "ola")) == "books_broken"
    people("check")  # mended only when all the books have been looked at again
    made = done(people("start", "--why", "mended", "--as", "ola"))
    done(people("confirm", str(made["id"]), "--as", "ada"))
    done(people("check"))
    assert done(people("send"))["count"] == 1


def test_a_transfer_that_no_payout_accounts_for_is_booked_by_two_people(
    people: Run, engine: Engine, tmp_path: Path
):
    """Restored: a partner has the money here, and a transfer there; it is owed back."""
    desk = open_desk(engine, tmp_path)
    desk.funded("AFF1")
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination,"
            " provider_ref, at) VALUES ('k', '', '0b54b1b5-6f10-4f0f-9a51-7d5d0d4f1c11', 2475, 'USD', 'acct_1', 'po_lost',"
            " '2026-11-20T11:00:00Z')"
        )
    assert done(people("reconcile"))["open"] == 1
    (stop,) = desk.column("SELECT id FROM sending_stop WHERE started_at IS NULL")
    assert refused(people("start", "--why", "go on", "--as", "ola")) == "transfers_unexplained"
    (difference,) = desk.column("SELECT id FROM difference")
    assert refused(people("paid-outside", str(difference), "--why", "x", "--as", "ola")) == "not_allowed"
    wrong = (
        "paid-outside",
        str(difference),
        "--partner",
        "AFF9",
        "--why",
        "before the restore",
        "--as",
        "mia",
    )
    assert refused(people(*wrong)) == "partner_unclear"

    made = done(people("paid-outside", str(difference), "--why", "before the restore", "--as", "mia"))
    assert made["content"]["partner"] == "AFF1"
    assert desk.balance("AFF1").available == 100_00
    done(people("confirm", str(made["id"]), "--as", "ada"))

    assert desk.balance("AFF1").available == 100_00 - 24_75
    started = done(people("start", "--why", "go on", "--as", "ola"))
    assert started["ids"] == [stop]
    done(people("confirm", str(started["id"]), "--as", "ada"))
    assert desk.scalar("SELECT count(*) FROM sending_stop WHERE started_at IS NULL") == 0
