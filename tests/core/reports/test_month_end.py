"""A month opens where the one before closed, its movements add up, and a closed month never changes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest

from core.account_codes import BadAccountCode, account_codes, set_account_codes
from core.reports.month_end import ACCOUNTS, MonthEnd, Roll, month_end
from core.reports.pack import MonthNotOver, month_pack
from core.reports.year import year_totals
from tests.builders import program
from tests.building.rows import change
from tests.desk import ADA, DAY, HOUR, NOW, Balance, Desk

OCTOBER, NOVEMBER = datetime(2026, 10, 20, 12, tzinfo=UTC), NOW


def of(desk: Desk, month: str, *, now: datetime = NOW + 20 * DAY) -> MonthEnd:
    with desk.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return month_end(conn, month, now=now)


def affiliate(found: MonthEnd) -> Roll:
    return next(roll for roll in found.rolls if roll.program.code == "affiliate")


def owed(amounts: dict[str, int]) -> Balance:
    return Balance(**amounts)


def two_months(desk: Desk) -> int:
    """100.00 earned in October; in November 40.00 of it paid, and 7.00 more earned for October."""
    desk.partner("AFF1")
    desk.sale("AFF1", "100.00", ref="s1", at=OCTOBER - DAY, now=OCTOBER)
    desk.release(OCTOBER + HOUR)
    payout = desk.request("AFF1", "40.00", now=NOVEMBER)
    desk.approve(payout, now=NOVEMBER)
    desk.send(now=NOVEMBER + HOUR)
    desk.sale("AFF1", "7.00", ref="s2", at=OCTOBER, now=NOVEMBER)
    assert desk.status(payout) == "paid"
    return payout


class TestMonthEnd:
    def test_opens_where_the_month_before_closed_and_its_movements_add_up(self, desk: Desk) -> None:
        two_months(desk)
        october, november = affiliate(of(desk, "2026-10")), affiliate(of(desk, "2026-11"))

        assert owed(october.opening) == Balance(0, 0, 0, 0, 0)
        assert owed(october.closing) == Balance(0, 100_00, 0, 0, 0)
        assert november.opening == october.closing
        assert november.closing == desk.balance("AFF1")._asdict()
        assert sum(november.closing.values()) == 107_00
        assert november.moved["settle"] == {"reserved": -39_75, "paid": 39_75}
        assert november.moved["fee"] == {"reserved": -25, "fees": 25}
        for account in ACCOUNTS:
            moved = sum(by_account.get(account, 0) for by_account in november.moved.values())
            assert november.opening[account] + moved == november.closing[account]

    def test_what_arrived_late_for_an_earlier_month_stands_apart(self, desk: Desk) -> None:
        two_months(desk)
        october, november = affiliate(of(desk, "2026-10")), affiliate(of(desk, "2026-11"))

        assert (october.late, october.late_minor) == (0, 0)
        assert (november.late, november.late_minor) == (1, 7_00)

    def test_a_closed_month_comes_out_the_same_whatever_happens_later(self, desk: Desk) -> None:
        desk.partner("AFF1")
        desk.sale("AFF1", "100.00", ref="s1", at=OCTOBER - DAY, now=OCTOBER)
        desk.release(OCTOBER + HOUR)
        before = of(desk, "2026-10").rollforward()

        payout = desk.request("AFF1", "40.00", now=NOVEMBER)
        desk.approve(payout, now=NOVEMBER)
        desk.send(now=NOVEMBER)
        desk.sale("AFF1", "7.00", ref="s2", at=OCTOBER, now=NOVEMBER)

        assert of(desk, "2026-10").rollforward().equals(before)

    def test_a_month_is_the_programs_own_and_says_whether_it_is_over(self, desk: Desk) -> None:
        with desk.engine.begin() as conn:
            conn.exec_driver_sql("UPDATE program SET zone = 'Pacific/Auckland' WHERE code = 'affiliate'")
        desk.partner("AFF1")
        late_on_the_31st = datetime(2026, 10, 31, 20, tzinfo=UTC)  # 1 November in Auckland
        desk.sale("AFF1", "5.00", ref="s1", at=late_on_the_31st - HOUR, now=late_on_the_31st)

        assert affiliate(of(desk, "2026-11")).moved["earn"] != {}
        assert affiliate(of(desk, "2026-10")).moved["earn"] == {}
        assert of(desk, "2026-10").over
        assert not of(desk, "2026-11", now=NOW).over

    def test_the_journal_balances_and_speaks_the_companys_own_codes(self, desk: Desk) -> None:
        two_months(desk)
        desk.decide(
            lambda conn: set_account_codes(
                conn, {"earnings": "6300", "available": " 2110 "}, actor=ADA, now=NOW
            )
        )
        with desk.engine.connect() as conn:
            codes = account_codes(conn)

        journal = of(desk, "2026-11").journal(codes)

        lines = set(journal[["text", "debit", "credit", "amount_minor"]].itertuples(index=False, name=None))
        assert ("Paid out", "reserved", "paid", 39_75) in lines
        assert ("Put into payouts", "2110", "reserved", 40_00) in lines
        assert {debit for _, debit, _, _ in lines} >= {"6300"}


def packed(desk: Desk, month: str, *, now: datetime = NOW + 20 * DAY) -> bytes:
    with desk.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return month_pack(conn, month_end(conn, month, now=now))


class TestPack:
    def test_a_closed_months_pack_is_the_same_bytes_whatever_happens_later(self, desk: Desk) -> None:
        desk.partner("AFF1")
        desk.sale("AFF1", "100.00", ref="s1", at=OCTOBER - DAY, now=OCTOBER)
        desk.release(OCTOBER + HOUR)
        open_then = desk.request("AFF1", "30.00", now=OCTOBER + 2 * HOUR)
        before = packed(desk, "2026-10")

        desk.approve(open_then, now=NOVEMBER)
        desk.send(now=NOVEMBER)
        desk.sale("AFF1", "7.00", ref="s2", at=OCTOBER, now=NOVEMBER)
        desk.partner("AFF2", account="acct_2", now=NOVEMBER)
        with desk.engine.begin() as conn:
            program(conn, "added-later")
            blanked = {"name": None, "email": None, "blanked_at": NOVEMBER}
            change(conn, "identity", blanked, "id = (SELECT identity_id FROM partner WHERE code = 'AFF1')")

        assert packed(desk, "2026-10") == before
        assert packed(desk, "2026-10", now=NOW + 60 * DAY) == before

    def test_it_has_every_file_of_the_month_and_its_sums_prove_them(self, desk: Desk) -> None:
        two_months(desk)
        waiting = desk.request("AFF1", "10.00", now=NOVEMBER + 2 * HOUR)

        with ZipFile(BytesIO(packed(desk, "2026-11"))) as pack:
            files = {name: pack.read(name) for name in pack.namelist()}

        lines = [line.split("  ") for line in files.pop("SHA256SUMS").decode().splitlines()]
        assert {name: digest for digest, name in lines} == {
            name: sha256(content).hexdigest() for name, content in files.items()
        }
        balances = files["balances-2026-11.csv"].decode("utf-8-sig").splitlines()
        assert balances[1] == "AFF1,affiliate,USD,0.00,57.00,10.00,67.00,39.75,0.25"
        assert str(waiting) in files["payouts-under-way-2026-11.csv"].decode()
        assert "Ana" not in b"".join(files.values()).decode()
        assert set(files) >= {"roll-forward-2026-11.csv", "journal-2026-11.csv", "account-codes.csv"}

    def test_a_month_that_still_runs_has_none(self, desk: Desk) -> None:
        two_months(desk)
        with pytest.raises(MonthNotOver):
            packed(desk, "2026-11", now=NOW)


class TestAccountCodes:
    def test_an_empty_code_or_an_account_that_is_none_of_ours_changes_nothing(self, desk: Desk) -> None:
        for wrong in ({"earnings": " "}, {"petty cash": "1000"}, {"fees": "x" * 61}):
            with desk.engine.connect() as conn:
                try:
                    set_account_codes(conn, wrong, actor=ADA, now=NOW)
                except BadAccountCode:
                    continue
            raise AssertionError(wrong)
        assert desk.column("SELECT code FROM account_code") == []


class TestYear:
    def test_adds_up_what_each_partner_got_and_gave_back(self, desk: Desk) -> None:
        two_months(desk)
        with desk.engine.connect() as conn:
            year = year_totals(conn, 2026, masked=False)
            assert year_totals(conn, 2025, masked=False).empty
            masked = year_totals(conn, 2026, masked=True)

        [row] = year.to_dict("records")
        assert (row["code"], row["name"], row["currency"], row["payouts"]) == ("AFF1", "Ana Silva", "USD", 1)
        assert (row["gross_minor"], row["fee_minor"], row["net_minor"], row["kept_minor"]) == (
            40_00,
            25,
            39_75,
            39_75,
        )
        assert masked["name"].isna().all()
        assert masked["email"].isna().all()
