"""The stop switch and proposals against the sender and against each other, in both orders."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from core.access import Actor
from core.proposals import confirm, refuse_proposal
from core.stops import stop_sending
from tests.core.agreeing import ODA, proposed, started_again, stopped, waits_for_people
from tests.desk import ADA, MIA, NOW, OLA, Balance, Desk, Rail
from tests.faults import sides
from tests.faults.racing import Side, meet

RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


def stop(actor: Actor) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            standing = stop_sending(conn, why="looks wrong", actor=actor, now=NOW)
        return f"stopped by {standing.who}"

    return side


def confirms(proposal_id: int, actor: Actor) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            confirm(conn, proposal_id, actor=actor, now=NOW)
        return "confirmed"

    return side


def refuses(proposal_id: int, actor: Actor) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            refuse_proposal(conn, proposal_id, note="no", actor=actor, now=NOW)
        return "refused"

    return side


class TestTheStopAndTheSender:
    def test_a_claim_that_came_first_is_in_flight_and_the_stop_waits_for_nobody(
        self, desk: Desk, database: str
    ) -> None:
        payout, other = desk.approved("AFF1"), desk.approved("AFF2")

        assert meet(database, sides.claim(payout), stop(OLA), at=None) == ("claimed", "stopped by ola")

        rail = Rail()
        assert desk.send(rail).count == 0
        assert (rail.sent, desk.status(payout), desk.status(other)) == ([], "processing", "approved")

    def test_a_stop_on_its_way_holds_no_claim_up_and_none_follows_it(self, desk: Desk, database: str) -> None:
        payout, other = desk.approved("AFF1"), desk.approved("AFF2")

        answers = meet(database, stop(OLA), sides.claim(payout), at=None)

        assert answers == ("stopped by ola", "claimed")  # the stop was not committed yet
        assert sides.claim(other)(desk.engine) == "passed over"
        assert (desk.status(other), desk.balance("AFF2")) == ("approved", RESERVED_25)

    def test_of_two_stops_at_once_one_stands_and_both_are_told_so(self, desk: Desk, database: str) -> None:
        answers = meet(database, stop(OLA), stop(MIA), at="sending_stop")

        assert answers == ("stopped by ola", "stopped by ola")
        assert desk.scalar("SELECT count(*) FROM sending_stop") == 1

    def test_sending_goes_on_only_once_the_confirmation_is_committed(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        proposal = proposed(desk, "start_sending", stopped(desk).id)

        answers = meet(database, confirms(proposal, ADA), sides.claim(payout), at=None)

        assert answers == ("confirmed", "passed over")
        assert sides.claim(payout)(desk.engine) == "claimed"


class TestTwoPeopleDecidingAtOnce:
    def test_one_confirms_and_the_other_is_told(self, desk: Desk, database: str) -> None:
        proposal = proposed(desk, "start_sending", stopped(desk).id)

        answers = meet(database, confirms(proposal, ADA), confirms(proposal, ODA), at="sending_stop")

        assert answers == ("confirmed", "decided")

    def test_what_is_being_refused_is_not_confirmed(self, desk: Desk, database: str) -> None:
        proposal = proposed(desk, "start_sending", stopped(desk).id)

        answers = meet(database, refuses(proposal, ADA), confirms(proposal, ODA), at="proposal")

        assert answers == ("refused", "decided")
        assert desk.scalar("SELECT count(*) FROM sending_stop WHERE started_at IS NULL") == 1

    def test_what_is_being_confirmed_is_not_refused(self, desk: Desk, database: str) -> None:
        proposal = proposed(desk, "start_sending", stopped(desk).id)

        answers = meet(database, confirms(proposal, ADA), refuses(proposal, ODA), at="proposal")

        assert answers == ("confirmed", "decided")

    def test_an_absence_confirmed_twice_makes_one_new_attempt(self, desk: Desk, database: str) -> None:
        payout = waits_for_people(desk)
        proposal = proposed(desk, "proved_absent", payout)

        assert meet(database, confirms(proposal, ADA), confirms(proposal, ODA)) == ("confirmed", "decided")

        rail = Rail()
        desk.send(rail)
        assert [order.n for order in rail.sent] == [2]
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    def test_a_stop_right_after_the_start_stands(self, desk: Desk) -> None:
        started_again(desk, stopped(desk))
        payout = desk.approved()

        stop(MIA)(desk.engine)

        assert sides.claim(payout)(desk.engine) == "passed over"
