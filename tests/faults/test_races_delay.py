"""Who takes an approval back against the sender, at the moment the delay ends: it is taken back, or it has left."""

import pytest

from core.guards import blocking_reasons
from tests.core.terms import agree
from tests.desk import ABE, HOUR, NOW, Balance, Desk, Rail
from tests.faults import sides
from tests.faults.racing import meet

LEAVES = NOW + 2 * HOUR
RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture
def payout(desk: Desk) -> int:
    agree(desk, sending={"delay": "PT2H"})
    return desk.approved()


def test_taken_back_first_nothing_leaves(desk: Desk, database: str, payout: int) -> None:
    taken_back, claim = sides.take_back(payout, actor=ABE), sides.claim(payout, now=LEAVES)

    assert meet(database, taken_back, claim, at=None) == ("done", "passed over")

    rail = Rail()
    assert (desk.send(rail, LEAVES + HOUR).count, rail.sent) == (0, [])
    assert (desk.status(payout), desk.balance("AFF1")) == ("pending", RESERVED_25)
    assert desk.scalar("SELECT count(*) FROM attempt") == 0
    assert desk.faults() == []


def test_claimed_first_the_approval_stays_and_who_takes_it_back_is_told(
    desk: Desk, database: str, payout: int
) -> None:
    claim, take_back = sides.claim(payout, now=LEAVES), sides.take_back(payout, actor=ABE)

    assert meet(database, claim, take_back) == ("claimed", "wrong_status")

    assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)
    with desk.engine.connect() as conn:
        assert [one.code for one in blocking_reasons(conn, [payout], now=LEAVES)[payout]] == ["outcome_open"]
    assert desk.faults() == []


def test_a_claim_that_comes_too_early_leaves_the_click_its_time(
    desk: Desk, database: str, payout: int
) -> None:
    early, take_back = sides.claim(payout, now=NOW + HOUR), sides.take_back(payout, actor=ABE)

    assert meet(database, early, take_back) == ("passed over", "done")

    assert (desk.status(payout), desk.balance("AFF1")) == ("pending", RESERVED_25)
