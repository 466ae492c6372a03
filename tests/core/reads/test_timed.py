"""What waits for its time is told apart: not stuck, not blocked, and it leaves today only when it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.decisions import Wanted
from core.reads.filters import PayoutFilter
from core.reads.operations import stuck_payouts
from core.reads.overview import overview
from core.reads.payouts import list_payouts
from core.reads.timed import still_here, waiting_for_their_time
from core.steering import set_priority
from tests.core.terms import agree
from tests.desk import HOUR, NOW, OLA, Desk, Rail, open_desk

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    """A desk of this test's own."""
    return open_desk(engine, tmp_path)


def hours(begins: str, ends: str) -> dict[str, object]:
    return {"weekdays": EVERY_DAY, "begins": begins, "ends": ends}


def listed(desk: Desk, view: str, now: datetime) -> list[int]:
    with desk.engine.connect() as conn:
        found = list_payouts(conn, PayoutFilter(view=view), now=now, masked=True)
    return [int(payout) for payout in found.frame["id"]]


def stuck(desk: Desk, now: datetime) -> list[int]:
    with desk.engine.connect() as conn:
        return [int(payout) for payout in stuck_payouts(conn, now=now, masked=True)["id"]]


def leaves(desk: Desk, now: datetime) -> int:
    with desk.engine.connect() as conn:
        return int(overview(conn, now=now).leaves_today["count"].sum())


class TestTheDelay:
    def test_is_told_with_its_end_and_is_neither_stuck_nor_blocked(self, desk: Desk) -> None:
        agree(desk, sending={"delay": "PT2H"})
        payout = desk.approved()

        with desk.engine.connect() as conn:
            told = waiting_for_their_time(conn, now=NOW + HOUR)
            here = still_here(conn, [payout], now=NOW + HOUR)
        assert (told.count, told.undoable, told.next_at) == (1, 1, NOW + 2 * HOUR)
        assert ([one.id for one in here.payouts], here.first_at) == ([payout], NOW + 2 * HOUR)
        assert listed(desk, "timed", NOW + HOUR) == listed(desk, "leaves", NOW + HOUR) == [payout]
        assert listed(desk, "blocked", NOW + HOUR) == stuck(desk, NOW + HOUR) == []

        late = NOW + 2 * HOUR + 16 * MINUTE
        assert (stuck(desk, late), listed(desk, "timed", late)) == ([payout], [])
        with desk.engine.connect() as conn:
            assert waiting_for_their_time(conn, now=late).count == 0

    def test_that_ends_tomorrow_leaves_tomorrow(self, desk: Desk) -> None:
        agree(desk, sending={"delay": "PT12H"})
        payout = desk.approved()  # at noon

        assert (leaves(desk, MIDNIGHT - MINUTE), leaves(desk, MIDNIGHT)) == (0, 1)
        assert listed(desk, "timed", NOW) == [payout]


class TestTheHours:
    def test_that_come_today_let_it_leave_today_and_those_that_are_over_do_not(self, desk: Desk) -> None:
        agree(desk, sending={"only": [hours("14:00", "16:00")]})
        payout = desk.approved()

        with desk.engine.connect() as conn:
            told = waiting_for_their_time(conn, now=NOW)
        assert (told.count, told.undoable, told.next_at) == (1, 0, NOW + 2 * HOUR)
        for at, today in ((NOW, 1), (NOW + 3 * HOUR, 1), (NOW + 4 * HOUR, 0), (MIDNIGHT, 1)):
            assert leaves(desk, at) == today
        assert listed(desk, "timed", NOW + 5 * HOUR) == [payout]
        with desk.engine.connect() as conn:
            assert waiting_for_their_time(conn, now=NOW + 5 * HOUR).next_at == NOW + 26 * HOUR

    def test_a_delay_that_ends_after_them_leaves_another_day(self, desk: Desk) -> None:
        agree(desk, sending={"delay": "PT3H", "only": [hours("12:00", "14:30")]})
        desk.approved()
        assert leaves(desk, NOW) == 0
        with desk.engine.connect() as conn:
            assert waiting_for_their_time(conn, now=NOW).next_at == NOW + 24 * HOUR

    def test_are_no_reason_to_call_a_payout_stuck_until_they_have_been_open_for_a_while(
        self, desk: Desk
    ) -> None:
        agree(desk, sending={"only": [hours("14:00", "16:00")]})
        payout = desk.approved()

        opened = NOW + 2 * HOUR
        for at in (NOW + HOUR, opened, opened + 14 * MINUTE):
            assert stuck(desk, at) == []
        assert stuck(desk, opened + 16 * MINUTE) == [payout]

    def test_are_passed_by_urgent_ones_where_the_policy_says_so(self, desk: Desk) -> None:
        agree(desk, sending={"only": [hours("06:00", "07:00")], "urgent_passes": True})
        payout = desk.approved()
        assert (leaves(desk, NOW), listed(desk, "timed", NOW)) == (0, [payout])
        desk.decide(
            lambda conn: set_priority(conn, [Wanted(id=payout)], priority="urgent", actor=OLA, now=NOW)
        )
        assert (leaves(desk, NOW), listed(desk, "timed", NOW)) == (1, [])
        with desk.engine.connect() as conn:
            assert waiting_for_their_time(conn, now=NOW).count == 0


def test_without_such_terms_nothing_waits_and_what_is_approved_leaves_today(desk: Desk) -> None:
    payout = desk.approved()
    with desk.engine.connect() as conn:
        assert waiting_for_their_time(conn, now=NOW).count == 0
        assert still_here(conn, [payout], now=NOW).first_at is None
    assert leaves(desk, NOW) == 1
    desk.send(Rail())
    with desk.engine.connect() as conn:
        assert still_here(conn, [payout], now=NOW).payouts == []
