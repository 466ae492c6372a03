"""Requests beyond a rule against each other, against ordinary requests and against a release, in both orders."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from core.release import release_due
from core.requests import request_payout
from tests.core.giving import earn
from tests.core.test_overrides import MAX, ask_beyond
from tests.desk import ABE, ADA, DAY, MIA, NOW, Balance, Desk
from tests.faults.racing import Side, meet
from tests.faults.test_races_reversals import confirms


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


@pytest.fixture
def maturing(desk: Desk) -> str:
    """20.00 available, 30.00 and 40.00 released on the next two days."""
    desk.funded("AFF1", "20.00")
    earn(desk, "AFF1", 30_00, at=NOW + DAY)
    earn(desk, "AFF1", 40_00, at=NOW + 2 * DAY)
    return "AFF1"


def asks(code: str, amount: str) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            request_payout(conn, code, amount, reason="asked", actor=MIA, now=NOW)
        return "asked"

    return side


def releases(engine: Engine) -> str:
    release_due(engine, now=NOW + DAY + timedelta(hours=1))
    return "released"


def paid_out(desk: Desk) -> object:
    return desk.column("SELECT amount_minor FROM payout ORDER BY id")


def test_two_people_confirming_one_make_one_payout(desk: Desk, database: str, maturing: str) -> None:
    proposal = ask_beyond(desk, maturing, "45.00")

    assert meet(database, confirms(proposal, ADA), confirms(proposal, ABE)) == ("confirmed", "decided")

    assert (paid_out(desk), desk.balance(maturing)) == ([45_00], Balance(45_00, 0, 45_00, 0, 0))


def test_two_overrides_of_the_same_money_make_one_payout(desk: Desk, database: str, maturing: str) -> None:
    first, second = ask_beyond(desk, maturing, "45.00"), ask_beyond(desk, maturing, "50.00", actor=MAX)

    assert meet(database, confirms(first, ADA), confirms(second, ABE)) == ("confirmed", "changed_since")

    assert (paid_out(desk), desk.balance(maturing)) == ([45_00], Balance(45_00, 0, 45_00, 0, 0))


def test_a_request_first_makes_the_override_outdated(desk: Desk, database: str, maturing: str) -> None:
    proposal = ask_beyond(desk, maturing, "45.00")

    assert meet(database, asks(maturing, "20.00"), confirms(proposal, ADA)) == ("asked", "changed_since")

    assert (paid_out(desk), desk.balance(maturing)) == ([20_00], Balance(70_00, 0, 20_00, 0, 0))


def test_an_override_first_leaves_nothing_for_the_request(desk: Desk, database: str, maturing: str) -> None:
    proposal = ask_beyond(desk, maturing, "45.00")

    assert meet(database, confirms(proposal, ADA), asks(maturing, "1.00")) == ("confirmed", "over_balance")

    assert (paid_out(desk), desk.balance(maturing)) == ([45_00], Balance(45_00, 0, 45_00, 0, 0))


def test_a_release_first_makes_the_override_outdated(desk: Desk, database: str, maturing: str) -> None:
    proposal = ask_beyond(desk, maturing, "45.00")

    assert meet(database, releases, confirms(proposal, ADA)) == ("released", "changed_since")

    assert (paid_out(desk), desk.balance(maturing)) == ([], Balance(40_00, 50_00, 0, 0, 0))


def test_a_release_after_it_moves_only_what_is_left(desk: Desk, database: str, maturing: str) -> None:
    proposal = ask_beyond(desk, maturing, "45.00")

    assert meet(database, confirms(proposal, ADA), releases) == ("confirmed", "released")

    # 25.00 of the 30.00 went into the payout; the 5.00 left of it matured, the 40.00 did not.
    assert (paid_out(desk), desk.balance(maturing)) == ([45_00], Balance(40_00, 5_00, 45_00, 0, 0))
