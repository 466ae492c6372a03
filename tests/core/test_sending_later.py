"""Approved payouts wait, can be taken back meanwhile, and leave inside their program's hours: nowhere earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from core.claiming import claim_payout
from core.decisions import Wanted
from core.due import DUE, due_payouts
from core.ending import cancel_payouts
from core.guards import Blocking, blocking_reasons, leaves_by_itself_at
from core.holds import place_hold
from core.sending import send_due
from core.steering import process_payouts, set_priority, take_back_payouts
from tests.core.terms import agree
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, OLA, Balance, Desk, Rail, declined

MOMENT = timedelta(microseconds=1)
LEAVES = NOW + 2 * HOUR
NIGHT = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "begins": "22:00", "ends": "06:00"}
TEN_PM = datetime(2026, 11, 20, 22, tzinfo=UTC)  # of the day of NOW, a Friday


def delayed(desk: Desk, *, delay: str = "PT2H", **sending: object) -> int:
    agree(desk, sending={"delay": delay} | sending)
    return desk.approved()


def at_night(desk: Desk, **sending: object) -> int:
    return delayed(desk, delay="PT0S", only=[NIGHT], **sending)


def due(desk: Desk, now: datetime, *, retrying_only: bool = False) -> list[int]:
    with desk.engine.connect() as conn:
        found = due_payouts(conn, methods=Rail.methods, now=now, retrying_only=retrying_only)
    return [row.id for row in found]


def why(desk: Desk, payout: int, now: datetime) -> list[Blocking]:
    with desk.engine.connect() as conn:
        return blocking_reasons(conn, [payout], now=now)[payout]


def codes(desk: Desk, payout: int, now: datetime) -> list[str]:
    return [reason.code for reason in why(desk, payout, now)]


def claimed(desk: Desk, payout: int, now: datetime, *, at_once: bool = False) -> bool:
    with desk.engine.begin() as conn:
        return claim_payout(conn, payout, Rail(), now=now, at_once=at_once) is not None


class TestTheDelay:
    def test_keeps_an_approved_payout_until_its_last_moment_and_then_lets_it_leave(self, desk: Desk) -> None:
        payout = delayed(desk)

        for too_early in (NOW, LEAVES - MOMENT):
            assert due(desk, too_early) == []
            assert desk.send(Rail(), too_early).count == 0
            (reason,) = why(desk, payout, too_early)
            assert (reason.code, reason.clears_at) == ("send_delay", LEAVES)
            assert leaves_by_itself_at([reason]) == LEAVES
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)

        assert due(desk, LEAVES) == [payout]
        assert why(desk, payout, LEAVES) == []
        assert desk.send(Rail(), LEAVES).succeeded == 1
        assert (desk.status(payout), desk.balance("AFF1")) == ("paid", Balance(0, 75_00, 0, 24_75, 25))
        assert desk.faults() == []

    def test_counts_from_the_last_approval_that_was_needed(self, desk: Desk) -> None:
        agree(desk, sending={"delay": "PT2H"}, approval={"dual_above_minor": 10_00})
        desk.funded()
        payout = desk.request("AFF1", "25.00")
        assert desk.approve(payout, now=NOW).waiting == [payout]
        assert desk.scalar("SELECT leaves_at FROM payout") is None

        assert desk.approve(payout, actor=ABE, now=NOW + HOUR).done == [payout]

        assert desk.scalar("SELECT leaves_at FROM payout") == NOW + 3 * HOUR
        assert (due(desk, LEAVES), due(desk, LEAVES + HOUR)) == ([], [payout])

    def test_lets_one_click_take_the_approval_back_and_begins_anew_with_the_next(self, desk: Desk) -> None:
        payout = delayed(desk)
        taken = desk.decide(
            lambda conn: take_back_payouts(conn, [Wanted(id=payout)], actor=ABE, now=NOW + HOUR)
        )

        assert (taken.done, desk.status(payout)) == ([payout], "pending")
        assert codes(desk, payout, LEAVES) == ["approvals_missing"]
        assert desk.send(Rail(), NOW + 9 * HOUR).count == 0
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)
        assert desk.scalar("SELECT leaves_at FROM payout") is None

        assert desk.approve(payout, now=NOW + 10 * HOUR).done == [payout]
        assert desk.scalar("SELECT leaves_at FROM payout") == NOW + 12 * HOUR

    def test_is_not_cut_short_by_process_now_by_the_highest_priority_or_by_naming_the_payout(
        self, desk: Desk
    ) -> None:
        payout = delayed(desk)
        desk.decide(lambda conn: process_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))
        desk.decide(
            lambda conn: set_priority(conn, [Wanted(id=payout)], priority="urgent", actor=OLA, now=NOW)
        )

        assert send_due(desk.engine, Rail(), now=LEAVES - MOMENT, only=payout).count == 0
        assert not claimed(desk, payout, LEAVES - MOMENT, at_once=True)
        assert desk.status(payout) == "approved"

    def test_gives_the_money_back_to_who_cancels(self, desk: Desk) -> None:
        payout = delayed(desk)
        desk.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="wrong")
        )
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

    def test_is_the_one_of_the_version_it_was_queued_under(self, desk: Desk) -> None:
        desk.funded("AFF1")
        before = desk.request("AFF1", "25.00")
        agree(desk, sending={"delay": "P1D"}, now=NOW)
        desk.funded("AFF2")
        after = desk.request("AFF2", "25.00", now=NOW)
        assert desk.approve(before, after).done == [before, after]

        assert due(desk, NOW) == [before]
        assert due(desk, NOW + DAY) == [before, after]

    def test_does_not_begin_again_with_a_retry(self, desk: Desk) -> None:
        payout = delayed(desk)
        desk.send(Rail(declined("network_timeout")), LEAVES)
        assert desk.status(payout) == "retrying"

        again = LEAVES + timedelta(minutes=5)
        assert (due(desk, again - MOMENT), due(desk, again)) == ([], [payout])
        assert desk.send(Rail(), again).succeeded == 1

    def test_is_no_answer_while_something_else_keeps_the_payout(self, desk: Desk) -> None:
        payout = delayed(desk)
        assert leaves_by_itself_at(why(desk, payout, NOW)) == LEAVES
        with desk.engine.begin() as conn:
            partner = conn.execute(text("SELECT partner_id FROM payout")).scalar_one()
            place_hold(conn, partner, "review", actor=MIA, now=NOW)
        assert leaves_by_itself_at(why(desk, payout, NOW)) is None
        assert leaves_by_itself_at([]) is None


class TestTheHours:
    def test_keep_everything_back_until_they_begin_and_from_their_end_on(self, desk: Desk) -> None:
        payout = at_night(desk)

        for shut in (NOW, TEN_PM - MOMENT, TEN_PM + 8 * HOUR):
            assert (due(desk, shut), claimed(desk, payout, shut)) == ([], False)
        (reason,) = why(desk, payout, NOW)
        assert (reason.code, reason.clears_at) == ("outside_hours", TEN_PM)

        assert due(desk, TEN_PM) == due(desk, TEN_PM + 8 * HOUR - MOMENT) == [payout]
        assert desk.send(Rail(), TEN_PM).succeeded == 1

    def test_hold_for_retries_too(self, desk: Desk) -> None:
        payout = at_night(desk)
        last = TEN_PM + 8 * HOUR - timedelta(minutes=1)
        desk.send(Rail(declined("network_timeout")), last)

        due_again = last + timedelta(minutes=5)
        assert codes(desk, payout, due_again) == ["outside_hours"]
        assert due(desk, due_again, retrying_only=True) == []
        assert due(desk, TEN_PM + DAY, retrying_only=True) == [payout]

    def test_begin_after_the_delay(self, desk: Desk) -> None:
        payout = delayed(desk, delay="PT20H", only=[NIGHT])  # over at 08:00, after the night

        found = why(desk, payout, NOW)
        assert [(one.code, one.clears_at) for one in found] == [
            ("send_delay", NOW + 20 * HOUR),
            ("outside_hours", TEN_PM + DAY),
        ]
        assert leaves_by_itself_at(found) == TEN_PM + DAY
        assert (due(desk, TEN_PM), due(desk, TEN_PM + DAY)) == ([], [payout])

    @pytest.mark.parametrize("passes", [True, False])
    def test_let_urgent_payouts_pass_only_where_the_policy_says_so(self, desk: Desk, *, passes: bool) -> None:
        payout = at_night(desk, urgent_passes=passes)
        desk.decide(lambda conn: process_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))
        assert (due(desk, NOW), claimed(desk, payout, NOW)) == ([], False)  # first, yet not urgent

        desk.decide(
            lambda conn: set_priority(conn, [Wanted(id=payout)], priority="urgent", actor=OLA, now=NOW)
        )
        assert (due(desk, NOW) == [payout]) is passes
        assert claimed(desk, payout, NOW) is passes

    def test_of_one_program_keep_nobody_else(self, desk: Desk) -> None:
        resting = at_night(desk)
        desk.funded("RES1", program="reseller")
        other = desk.request("RES1", "60.00")
        assert desk.approve(other).done == [other]

        assert due(desk, NOW) == [other]
        assert desk.status(resting) == "approved"


class TestTheList:
    def test_has_the_urgent_first_then_the_oldest_of_all_programs(self, desk: Desk) -> None:
        agree(desk, sending={"delay": "PT2H"})
        ids = [desk.approved(f"AFF{place}") for place in range(4)]
        desk.decide(
            lambda conn: set_priority(conn, [Wanted(id=ids[2])], priority="urgent", actor=OLA, now=NOW)
        )
        desk.decide(lambda conn: set_priority(conn, [Wanted(id=ids[0])], priority="low", actor=OLA, now=NOW))

        assert due(desk, LEAVES) == [ids[2], ids[1], ids[3], ids[0]]

    def test_never_looks_at_what_waits_or_rests(self, desk: Desk) -> None:
        delayed(desk)
        with desk.engine.connect() as conn:
            conn.execute(text("SET LOCAL enable_seqscan = off"))
            plan = conn.execute(
                text(f"EXPLAIN {DUE.text}"),
                {"now": NOW, "retrying_only": False, "methods": ["stripe"], "resting": [], "urgent_only": []},
            ).scalars()
            words = "\n".join(plan)
        assert "payout_due" in words
        assert "due_at <=" in words[words.index("Index Cond") :].splitlines()[0]
