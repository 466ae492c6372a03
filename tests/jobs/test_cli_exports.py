"""Files to take home from the terminal: the pages' own bytes, the same whenever they are asked for again."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.reports.files import journal_file, rollforward_file, statement_file, year_file
from core.reports.month_end import month_end
from jobs.cli.main import main
from tests.desk import DAY, Desk, open_desk
from tests.desk import NOW as INSTANT
from tests.jobs.terminal import NOW, Run

TakeHome = Callable[..., bytes]
WHATS = (
    ("payouts",),
    ("statement", "AFF1"),
    ("month-end", "2026-10"),
    ("provider", "2026-11"),
    ("journal", "2026-11"),
    ("pack", "2026-10"),
    ("record", "1"),
    ("year", "2026"),
)


@pytest.fixture
def books(desk: Run, engine: Engine, tmp_path: Path) -> Desk:
    """100.00 earned in October, 40.00 of it paid in November, 7.00 that came late for October; a name like a formula."""
    assert desk is not None
    books = open_desk(engine, tmp_path)
    books.partner("AFF1")
    books.sale("AFF1", "100.00", ref="=HYPERLINK(1)", at=INSTANT - 31 * DAY, now=INSTANT - 30 * DAY)
    books.release(INSTANT - 30 * DAY)
    payout = books.request("AFF1", "40.00")
    books.approve(payout)
    books.send()
    books.sale("AFF1", "7.00", ref="late", at=INSTANT - 30 * DAY)
    assert books.status(payout) == "paid"
    assert desk("reconcile", now="2026-11-21T06:00:00Z")[0] == 0
    return books


@pytest.fixture
def take_home(monkeypatch: pytest.MonkeyPatch) -> TakeHome:
    """Run `export` without --json and return what came to stdout, as bytes."""

    def take_home(*argv: str) -> bytes:
        with monkeypatch.context() as patched:
            terminal = io.TextIOWrapper(io.BytesIO())
            patched.setattr(sys, "stdout", terminal)
            assert main(["export", *argv, "--now", NOW]) == 0
            return terminal.buffer.getvalue()

    return take_home


def rows(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.usefixtures("books")
class TestEveryFile:
    @pytest.mark.parametrize("what", WHATS, ids=lambda what: what[0])
    def test_comes_out_with_the_same_bytes_again_and_in_a_file(
        self, take_home: TakeHome, run: Run, tmp_path: Path, what: tuple[str, ...]
    ) -> None:
        first, out = take_home(*what), tmp_path / "taken.csv"
        code, told = run("export", *what, "--out", str(out))

        assert take_home(*what) == first
        assert (code, out.read_bytes()) == (0, first)
        assert told == {
            "file": str(out),
            "bytes": len(first),
            "sha256": hashlib.sha256(first).hexdigest(),
        }
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_of_a_closed_month_does_not_change_whatever_is_booked_later(
        self, take_home: TakeHome, books: Desk
    ) -> None:
        before = take_home("month-end", "2026-10"), take_home("journal", "2026-10")
        books.approve(books.request("AFF1", "20.00"))
        books.send()
        books.sale("AFF1", "9.00", ref="later still", at=INSTANT - 33 * DAY)

        assert (take_home("month-end", "2026-10"), take_home("journal", "2026-10")) == before

    def test_is_the_pages_own(self, take_home: TakeHome, books: Desk) -> None:
        with books.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
            october = month_end(conn, "2026-10", now=INSTANT)
            pages = {
                ("statement", "AFF1"): b"".join(statement_file(conn, "AFF1")),
                ("month-end", "2026-10"): b"".join(rollforward_file(october)),
                ("journal", "2026-10"): b"".join(journal_file(conn, october)),
                ("year", "2026"): b"".join(year_file(conn, 2026, masked=False)),
            }

        assert {what: take_home(*what) for what in pages} == pages


@pytest.mark.usefixtures("books")
class TestWhatIsInThem:
    def test_payouts_have_amounts_in_major_units_and_are_chosen_like_the_list(
        self, take_home: TakeHome
    ) -> None:
        [row] = rows(take_home("payouts", "--status", "paid", "--partner", "AFF1", "--since", "2026-11-20"))

        assert (row["partner_code"], row["status"], row["currency"]) == ("AFF1", "paid", "USD")
        assert (row["amount"], row["fee"], row["net"]) == ("40.00", "0.25", "39.75")
        assert rows(take_home("payouts", "--until", "2026-11-19")) == []
        assert rows(take_home("payouts", "--status", "pending")) == []

    def test_a_statement_goes_from_the_first_movement_to_the_balance_and_no_cell_is_a_formula(
        self, take_home: TakeHome, books: Desk
    ) -> None:
        moves = rows(take_home("statement", "AFF1"))

        assert [(move["Movement"], move["Amount"], move["Balance"]) for move in moves] == [
            ("earn", "100.00", "100.00"),
            ("debt", "-60.00", "40.00"),  # the part of the sale that is left for later
            ("earn", "60.00", "100.00"),
            ("reserve", "-40.00", "60.00"),
            ("earn", "7.00", "67.00"),
        ]
        assert {move["Currency"] for move in moves} == {"USD"}
        assert {move["Reference"] for move in moves} == {"'=HYPERLINK(1)", "1", "late"}
        balance = books.balance("AFF1")
        assert moves[-1]["Balance"] == f"{(balance.held + balance.available) / 100:.2f}"

    def test_a_months_lines_add_up_and_what_came_late_stands_apart(self, take_home: TakeHome) -> None:
        lines = [row for row in rows(take_home("month-end", "2026-11")) if row["program"] == "affiliate"]

        of_available: dict[str, int] = {}
        for account in ("held", "available", "reserved", "paid", "fees"):
            found = {
                row["line"]: round(float(row["amount"]) * 100) for row in lines if row["account"] == account
            }
            opening, closing = found.pop("Opening"), found.pop("Closing")
            assert opening + sum(found.values()) == closing
            of_available = found if account == "available" else of_available
        assert of_available == {"Put into payouts": -4000, "Earned for earlier months": 700}

    def test_a_month_ties_to_the_providers_books(self, take_home: TakeHome) -> None:
        [row] = rows(take_home("provider", "2026-11"))

        assert row == {
            "month": "2026-11", "provider": "simulator", "currency": "USD", "our_payouts": "1", "ours": "39.75",
            "their_transfers": "1", "theirs": "39.75", "difference": "0.00",
        }  # fmt: skip

    def test_a_control_record_proves_its_payout(self, take_home: TakeHome) -> None:
        page = take_home("record", "1").decode()
        assert "Control record of payout 1" in page
        assert "$39.75" in page
        assert "DOES NOT HOLD" not in page

    def test_a_year_names_partners_only_to_who_may_see_them(self, take_home: TakeHome) -> None:
        [seen], [masked] = rows(take_home("year", "2026")), rows(take_home("year", "2026", "--as", "vic"))

        assert (seen["name"], seen["gross"], seen["fee"], seen["net"], seen["kept"]) == (
            "Ana Silva", "40.00", "0.25", "39.75", "39.75",
        )  # fmt: skip
        assert (masked["name"], masked["email"], masked["net"]) == ("", "", "39.75")


class TestRefusals:
    @pytest.mark.parametrize(
        "argv",
        [
            ("payouts",),  # CSV is no JSON document
            ("month-end", "2026-13", "--out", "x.csv"),
            ("year", "26", "--out", "x.csv"),
            ("year", "2026", "--out", "/nowhere/at/all.csv"),
            ("payouts", "--since", "yesterday", "--out", "x.csv"),
            (),
        ],
    )
    def test_wrong_usage_is_2_and_says_why(self, desk: Run, argv: tuple[str, ...]) -> None:
        code, document = desk("export", *argv)
        assert (code, list(document)) == (2, ["error"])  # type: ignore[call-overload]

    def test_nobody_is_refused_by_name_and_leaves_no_file(self, desk: Run, tmp_path: Path) -> None:
        out = tmp_path / "taken.csv"
        for argv, refused in (
            (("statement", "NOBODY"), "unknown_partner"),
            (("payouts", "--program", "nothing"), "unknown_program"),
        ):
            code, document = desk("export", *argv, "--out", str(out))
            assert (code, document["refused"]) == (1, refused)  # type: ignore[index]
        assert list(tmp_path.glob("*taken*")) == []
