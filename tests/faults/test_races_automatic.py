"""Two queue runs at once, at the end of what the policy may approve a day: the second counts what the first one approved."""

import pytest
from sqlalchemy import Engine

from core.queueing import queue_due
from tests.core.allowing import allow, creator
from tests.core.test_automatic import left, payouts, today
from tests.desk import NOW, Desk
from tests.faults.racing import Side, meet


def queue(code: str, run_id: int) -> Side:
    """A run of its own for one partner, in words: how many it queued, and how many the policy approved."""

    def side(engine: Engine) -> str:
        run = queue_due(engine, now=NOW, run_id=run_id, partner=code)
        return f"{run.count} queued, {run.details['approved_by_policy']} approved"

    return side


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    allow(desk)  # 50.00 each, 80.00 a day
    yield
    assert desk.faults() == []


def test_two_runs_never_approve_more_than_the_day_together(desk: Desk, database: str) -> None:
    creator(desk, "CR1", "50.00")
    creator(desk, "CR2", "40.00")

    answers = meet(database, queue("CR2", 1), queue("CR1", 2), at="lock_policy_day")

    assert answers == ("1 queued, 1 approved", "1 queued, 0 approved")
    assert sorted(payouts(desk)) == [("CR1", "pending", 50_00), ("CR2", "approved", 40_00)]
    assert (left(desk), today(desk)) == (["day_full"], [(1, 40_00)])


def test_both_approve_what_fits_into_the_day(desk: Desk, database: str) -> None:
    creator(desk, "CR1", "40.00")
    creator(desk, "CR2", "40.00")

    answers = meet(database, queue("CR1", 1), queue("CR2", 2), at="lock_policy_day")

    assert answers == ("1 queued, 1 approved", "1 queued, 1 approved")
    assert (left(desk), today(desk)) == ([], [(2, 80_00)])
