"""Release: money moves from held to available at its instant, once, for whoever the run takes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from core.holds import place_hold
from core.release import release_due
from tests.desk import DAY, HOUR, MIA, NOW, Balance, Desk

INSTANT = timedelta(microseconds=1)
SOLD = NOW - 20 * DAY
DUE = SOLD + 7 * DAY  # creators wait seven days


def creator(desk: Desk, code: str = "CRE1", gross: str = "100.00", *, at: datetime = SOLD) -> str:
    """A creator with one booking, of which 90 % is theirs."""
    desk.partner(code, program="creator")
    book(desk, code, gross, ref=f"booking-{code}", at=at)
    return code


def book(desk: Desk, code: str, gross: str, *, ref: str, at: datetime = SOLD) -> None:
    desk.sale(code, gross, ref=ref, program="creator", kind="booking", at=at)


def hold(desk: Desk, code: str, *, until: datetime | None, now: datetime, reason: str = "review") -> None:
    """Put the partner's only earning on hold."""
    query = text(
        "SELECT e.id, e.partner_id FROM earning e JOIN partner p ON p.id = e.partner_id WHERE p.code = :code"
    )
    with desk.engine.begin() as conn:
        earning = conn.execute(query, {"code": code}).one()
        place_hold(conn, earning.partner_id, reason, earning_id=earning.id, until=until, actor=MIA, now=now)


def mark(desk: Desk, code: str) -> object:
    return desk.scalar(
        "SELECT b.released_to FROM partner_balance b JOIN partner p ON p.id = b.partner_id WHERE p.code = :code",
        code=code,
    )


class TestReleaseDue:
    def test_moves_money_at_its_exact_instant_and_not_a_microsecond_before(self, desk: Desk) -> None:
        code = creator(desk)
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)

        early = desk.release(DUE - INSTANT)
        assert (early.count, early.amounts) == (0, {})
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        result = desk.release(DUE)

        assert (result.count, result.amounts) == (1, {"EUR": 90_00})
        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_twice_is_once(self, desk: Desk) -> None:
        code = creator(desk)

        counts = [desk.release(now).count for now in (DUE, DUE, NOW)]

        assert counts == [1, 0, 0]
        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.scalar("SELECT count(*) FROM ledger_transfer WHERE kind = 'release'") == 1

    def test_leaves_what_is_not_due_and_takes_it_when_it_is(self, desk: Desk) -> None:
        code = creator(desk)
        book(desk, code, "10.00", ref="later", at=SOLD + HOUR)

        desk.release(DUE)
        assert desk.balance(code) == Balance(9_00, 90_00, 0, 0, 0)
        desk.release(DUE + HOUR)

        assert desk.balance(code) == Balance(0, 99_00, 0, 0, 0)
        assert desk.faults() == []

    @pytest.mark.parametrize(
        ("matures", "balance"),
        [(DUE, Balance(0, 99_00, 0, 0, 0)), (DUE + INSTANT, Balance(9_00, 90_00, 0, 0, 0))],
    )
    def test_has_made_what_arrives_behind_its_mark_available_at_once(
        self, desk: Desk, matures: datetime, balance: Balance
    ) -> None:
        code = creator(desk)
        desk.release(DUE)

        book(desk, code, "10.00", ref="late", at=matures - 7 * DAY)

        assert desk.balance(code) == balance
        desk.release(NOW)
        assert desk.balance(code) == Balance(0, 99_00, 0, 0, 0)
        assert desk.faults() == []

    def test_of_everything_is_where_a_new_partner_starts(self, desk: Desk) -> None:
        desk.release(DUE)

        code = creator(desk)

        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_of_one_partner_or_program_or_number_leaves_the_others_as_they_were(self, desk: Desk) -> None:
        first, second, third = (creator(desk, f"CRE{n}") for n in (1, 2, 3))
        desk.partner("AFF1")
        desk.sale("AFF1", "10.00", ref="a1")
        untouched, released = Balance(90_00, 0, 0, 0, 0), Balance(0, 90_00, 0, 0, 0)

        assert release_due(desk.engine, now=NOW, partner=second).count == 1
        assert [desk.balance(code) for code in (first, second, third)] == [untouched, released, untouched]
        assert mark(desk, first) != mark(desk, second) == NOW
        assert release_due(desk.engine, now=NOW, limit=1).count == 1
        assert [desk.balance(code) for code in (first, second, third)] == [released, released, untouched]
        assert release_due(desk.engine, now=NOW, program="affiliate").amounts == {"USD": 10_00}
        assert desk.balance(third) == untouched
        # None of these runs took everybody, so a new partner does not start at their mark.
        assert desk.balance(creator(desk, "CRE4")) == untouched
        assert desk.release(NOW).count == 2
        assert desk.faults() == []

    def test_never_moves_a_mark_back(self, desk: Desk) -> None:
        code = creator(desk)
        desk.release(NOW)

        assert desk.release(DUE - DAY).count == 0

        assert mark(desk, code) == NOW
        assert desk.scalar("SELECT min(released_to) FROM program") == NOW
        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)

    def test_as_a_dry_run_tells_the_figures_and_changes_nothing(self, desk: Desk) -> None:
        code = creator(desk)
        before = (mark(desk, code), desk.scalar("SELECT seq FROM audit_head"))

        dry = release_due(desk.engine, now=NOW, dry_run=True)

        assert (dry.count, dry.amounts) == (1, {"EUR": 90_00})
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        assert (mark(desk, code), desk.scalar("SELECT seq FROM audit_head")) == before
        assert desk.column("SELECT DISTINCT released_to FROM program") != [NOW]


class TestAHeldEarning:
    def test_is_passed_over_until_its_hold_ends_by_itself(self, desk: Desk) -> None:
        code = creator(desk)
        hold(desk, code, until=DUE + DAY, now=SOLD)

        assert desk.release(DUE + DAY - INSTANT).count == 0
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        result = desk.release(DUE + DAY)

        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.column("SELECT closed_by FROM hold") == ["job:release"]
        assert (result.count, result.amounts) == (1, {"EUR": 90_00})
        assert desk.release(NOW).count == 0
        assert desk.faults() == []

    def test_whose_hold_ends_before_it_matures_still_waits_for_that(self, desk: Desk) -> None:
        code = creator(desk)
        hold(desk, code, until=DUE - DAY, now=SOLD)

        assert desk.release(DUE - DAY).count == 0
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        desk.release(DUE)

        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_whose_hold_and_wait_end_in_the_same_run_is_released_once(self, desk: Desk) -> None:
        code = creator(desk)
        hold(desk, code, until=DUE - DAY, now=SOLD)

        result = desk.release(NOW)

        assert (result.count, result.amounts) == (1, {"EUR": 90_00})
        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_under_two_holds_waits_for_the_later_one(self, desk: Desk) -> None:
        code = creator(desk)
        hold(desk, code, until=DUE + DAY, now=SOLD)
        hold(desk, code, until=DUE + 2 * DAY, now=SOLD, reason="dispute")

        desk.release(DUE + DAY)
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        desk.release(DUE + 2 * DAY)

        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_under_a_hold_without_an_end_waits_for_a_person(self, desk: Desk) -> None:
        code = creator(desk)
        hold(desk, code, until=None, now=SOLD)

        assert desk.release(NOW + 400 * DAY).count == 0
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)
        assert desk.faults() == []

    def test_lifted_by_its_end_is_in_the_history(self, desk: Desk) -> None:
        code = creator(desk)
        desk.release(DUE)
        hold(desk, code, until=DUE + DAY, now=DUE)
        assert desk.balance(code) == Balance(90_00, 0, 0, 0, 0)

        desk.release(DUE + DAY)

        assert desk.balance(code) == Balance(0, 90_00, 0, 0, 0)
        assert desk.scalar("SELECT count(*) FROM audit WHERE action = 'earnings.released'") == 2
