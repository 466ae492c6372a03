"""One partner at the terminal: beyond a rule and early, blocked and allowed, notes, the backup, and why who was not paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.core.giving import earn
from tests.desk import DAY, NOW, Balance, Desk
from tests.jobs.terminal import Run
from tests.jobs.test_cli_two_people import done, refused

WHY = ("--reason", "rent is due")
FRIDAY = "2026-11-27T02:15:00Z"


@pytest.fixture
def books(desk: Run, engine: Engine, tmp_path: Path) -> Desk:
    """RSL1 with 60.00 available where 100.00 is the least, and BRB1, paid on Fridays, with 80.00."""
    del desk
    books = Desk(engine, tmp_path)
    books.funded("RSL1", "60.00", program="reseller", tier="reseller")
    books.partner("BRB1", program="barber", account="acct_b")
    earn(books, "BRB1", 80_00)
    return books


def test_an_override_is_proposed_confirmed_and_approved_by_a_third(desk: Run, books: Desk) -> None:
    made: Any = done(desk("override", "RSL1", "60.00", *WHY, "--as", "mia"))
    assert (made["kind"], made["content"]["amount_minor"]) == ("override_request", 60_00)
    assert made["content"]["rules"] == [
        {"rule": "below_minimum", "minimum_minor": 100_00, "short_minor": 40_00}
    ]
    assert refused(desk("override", "RSL1", "60.00", *WHY, "--as", "mia")) == "already_proposed"
    assert refused(desk("confirm", str(made["id"]), "--as", "mia")) == "own_proposal"
    assert books.balance("RSL1") == Balance(0, 60_00, 0, 0, 0)

    done(desk("confirm", str(made["id"]), "--as", "ada"))

    assert books.balance("RSL1") == Balance(0, 0, 60_00, 0, 0)
    (payout,) = done(desk("payouts", "--partner", "RSL1"))
    code, told = desk("approve", str(payout["id"]), "--as", "ada")
    assert (code, told["refused"][0]["code"]) == (1, "own_payout")  # type: ignore[index]
    assert done(desk("payout", str(payout["id"])))["override"]["rules"][0]["rule"] == "below_minimum"


@pytest.mark.parametrize(
    ("asked", "who", "code"),
    [
        (("override", "RSL1", "60.01"), "mia", "over_balance"),
        (("override", "RSL1", "lots"), "mia", "not_an_amount"),
        (("override", "NOBODY", "1.00"), "mia", "unknown_partner"),
        (("override", "RSL1", "60.00"), "vic", "not_allowed"),
        (("early", "RSL1"), "mia", "not_scheduled"),
        (("early", "BRB1"), "ada", "not_allowed"),
        (("allow", "RSL1"), "mia", "not_ineligible"),
        (("backup", "RSL1", "--use"), "mia", "no_backup"),
        (("activate", "RSL1"), "mia", "nothing_changed"),
    ],
)
def test_refuses_by_name(desk: Run, books: Desk, asked: tuple[str, ...], who: str, code: str) -> None:
    assert refused(desk(*asked, *WHY, "--as", who)) == code
    assert books.balance("RSL1") == Balance(0, 60_00, 0, 0, 0)


def test_early_asks_for_everything_and_says_before_which_slot(desk: Run, books: Desk) -> None:
    payout = done(desk("early", "BRB1", *WHY, "--as", "mia"))

    assert (payout["amount_minor"], payout["early_before"]) == (80_00, "2026-11-27T00:00:00Z")
    assert books.balance("BRB1") == Balance(0, 0, 80_00, 0, 0)


def test_a_partner_is_blocked_allowed_suspended_archived_and_active_again(desk: Run, books: Desk) -> None:
    assert done(desk("ineligible", "RSL1", *WHY, "--as", "mia"))["eligible"] is False
    assert refused(desk("request", "RSL1", "60.00", *WHY, "--as", "mia")) == "on_hold"
    assert done(desk("allow", "RSL1", *WHY, "--as", "ada"))["eligible"] is True
    for command, status in (("suspend", "suspended"), ("archive", "archived"), ("activate", "active")):
        assert done(desk(command, "RSL1", *WHY, "--as", "mia"))["status"] == status
        assert books.column("SELECT status FROM partner WHERE code = 'RSL1'") == [status]
    assert books.balance("RSL1") == Balance(0, 60_00, 0, 0, 0)


def test_notes_are_added_listed_and_blanked_by_an_admin(desk: Run, books: Desk) -> None:
    assert desk("users", "add", "alma", "--role", "admin", stdin="a long enough secret\n")[0] == 0
    note = done(desk("note", "RSL1", "Her sister answers the phone", "--as", "mia"))["note_id"]
    (told,) = done(desk("notes", "RSL1"))
    assert (told["note"], told["made_by"]) == ("Her sister answers the phone", "user:mia")
    assert refused(desk("blank-note", str(note), *WHY, "--as", "mia")) == "not_allowed"
    done(desk("blank-note", str(note), *WHY, "--as", "alma"))
    assert done(desk("notes", "RSL1"))[0]["note"] is None
    assert books.scalar("SELECT count(*) FROM partner_note") == 1


def test_a_backup_is_kept_by_two_and_used_by_two(desk: Run, books: Desk) -> None:
    assert done(desk("backup", "RSL1"))["method"] is None
    kept = done(
        desk("backup", "RSL1", "--method", "stripe_instant", "--account", "acct_9", *WHY, "--as", "mia")
    )
    done(desk("confirm", str(kept["id"]), "--as", "ada"))
    assert done(desk("backup", "RSL1"))["account"] == "acct_9"

    change = done(desk("backup", "RSL1", "--use", *WHY, "--as", "mia"))

    assert change["kind"] == "change_destination"
    assert books.column("SELECT method FROM partner WHERE code = 'RSL1'") == ["stripe"]
    done(desk("confirm", str(change["id"]), "--as", "ada"))
    assert books.column("SELECT method FROM partner WHERE code = 'RSL1'") == ["stripe_instant"]


def test_who_was_not_paid_is_counted_and_listed_with_figures(desk: Run, books: Desk) -> None:
    books.partner("POOR", program="barber", account="acct_p")
    earn(books, "POOR", 12_60)
    assert done(desk("not-paid"))["run_id"] is None

    assert done(desk("queue", now=FRIDAY))["count"] == 1
    told = done(desk("not-paid", now=FRIDAY))

    assert told["skipped"] == [{"reason": "below_minimum", "count": 1}]
    (row,) = done(desk("not-paid", "--why", "below_minimum", now=FRIDAY))
    assert (row["partner_code"], row["sentence"]) == ("POOR", "Below the minimum by $37.40: $12.60 of $50.00")


def test_the_answer_is_lines_for_a_reply_without_a_name(desk: Run, books: Desk) -> None:
    earn(books, "BRB1", 30_00, at=NOW + 3 * DAY)
    lines = done(desk("answer", "BRB1"))["answer"]
    assert lines[0] == "BRB1, as of 20 November 2026, days in UTC"
    assert "Available: $80.00." in lines
    assert "Held: $30.00, of which $30.00 becomes available on 23 November 2026." in lines
    assert any(line.startswith("Next payout day: 27 November 2026 (weekly on Friday).") for line in lines)
