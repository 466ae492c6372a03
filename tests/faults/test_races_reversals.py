"""Pulling back against itself, against money that comes back by itself, and against the stop, in both orders."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from core.access import Actor
from core.proposals import confirm
from core.returns import book_return
from core.reversing import reverse_due
from core.stops import stop_sending
from tests.core.pulling_back import agreed_back, asked_back
from tests.core.sending_back import SYNC
from tests.desk import ABE, ADA, NOW, OLA, Balance, Desk
from tests.faults.racing import Side, meet


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


@pytest.fixture
def payout(desk: Desk) -> int:
    """24.75 net paid by the simulator."""
    payout = desk.approved()
    desk.send()
    return payout


def confirms(proposal_id: int, actor: Actor) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            confirm(conn, proposal_id, actor=actor, now=NOW)
        return "confirmed"

    return side


def comes_back(payout_id: int, amount_minor: int) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            book_return(
                conn, payout_id, amount_minor=amount_minor, event_ref="trr_1", reason="closed", actor=SYNC, now=NOW
            )  # fmt: skip
        return "booked"

    return side


def pulls(desk: Desk) -> Side:
    def side(engine: Engine) -> str:
        result = reverse_due(engine, desk.simulator(), now=NOW)
        return f"{result.count} pulled"

    return side


def stops(engine: Engine) -> str:
    with engine.begin() as conn:
        stop_sending(conn, why="looks wrong", actor=OLA, now=NOW)
    return "stopped"


def agreed_minor(desk: Desk) -> object:
    return desk.scalar("SELECT coalesce(sum(amount_minor), 0)::bigint FROM reversal")


class TestTwoConfirms:
    @pytest.mark.parametrize("amounts", [("24.75", "1.00"), ("1.00", "24.75"), ("13.00", "12.00")])
    def test_of_more_together_than_was_paid_count_once(
        self, desk: Desk, database: str, payout: int, amounts: tuple[str, str]
    ) -> None:
        first, second = (asked_back(desk, payout, amount) for amount in amounts)

        assert meet(database, confirms(first, ADA), confirms(second, ABE)) == ("confirmed", "changed_since")

        assert desk.column("SELECT proposal_id FROM reversal") == [first]
        pulls(desk)(desk.engine)
        assert desk.scalar("SELECT count(*) FROM simulator_reversal") == 1

    def test_of_one_proposal_count_once(self, desk: Desk, database: str, payout: int) -> None:
        proposal = asked_back(desk, payout)

        assert meet(database, confirms(proposal, ADA), confirms(proposal, ABE)) == ("confirmed", "decided")

        assert agreed_minor(desk) == 24_75


class TestAConfirmAndMoneyThatComesBack:
    def test_by_itself_first_outdates_what_was_proposed(self, desk: Desk, database: str, payout: int) -> None:
        proposal = asked_back(desk, payout)

        answers = meet(database, comes_back(payout, 1_00), confirms(proposal, ADA))

        assert answers == ("booked", "changed_since")
        assert agreed_minor(desk) == 0
        assert desk.balance("AFF1") == Balance(1_00, 75_00, 0, 23_75, 25)

    def test_by_itself_after_it_is_booked_and_nothing_is_booked_twice(
        self, desk: Desk, database: str, payout: int
    ) -> None:
        proposal = asked_back(desk, payout)

        answers = meet(database, confirms(proposal, ADA), comes_back(payout, 24_75))

        assert answers == ("confirmed", "booked")
        assert desk.status(payout) == "reversed"
        assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)


class TestTwoWorkers:
    def test_ask_for_one_reversal_once(self, desk: Desk, database: str, payout: int) -> None:
        agreed_back(desk, payout)

        assert meet(database, pulls(desk), pulls(desk), at=None) == ("1 pulled", "0 pulled")

        assert desk.column("SELECT amount_minor FROM simulator_reversal") == [24_75]
        assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)


class TestTheStop:
    def test_on_its_way_lets_nothing_follow_it(self, desk: Desk, database: str, payout: int) -> None:
        agreed_back(desk, payout)
        other = desk.approved("AFF2")
        desk.send()

        # The worker that met it had begun before the stop was there for anybody to see.
        assert meet(database, stops, pulls(desk), at="audit_head") == ("stopped", "1 pulled")
        agreed_back(desk, other)
        assert pulls(desk)(desk.engine) == "0 pulled"
        assert desk.scalar("SELECT count(*) FROM simulator_reversal") == 1
