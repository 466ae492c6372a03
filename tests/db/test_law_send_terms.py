"""Approved payouts wait as long as their policy says, and nothing leaves earlier."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.building.safety import adopt, transfer_of
from tests.db.law import bad_rows, proves, refused

LEAVES = b.NOW + timedelta(hours=2)


@pytest.fixture
def payout(owner: Connection) -> int:
    program = b.program(owner)
    b.policy(owner, program, version=2, terms='{"sending": {"delay": "PT2H"}}')
    partner = b.partner(owner, program)
    return b.payout(owner, partner, [b.earning(owner, partner, 100_00)])


def leaves_at(conn: Connection, payout: int) -> object:
    return conn.execute(text("SELECT leaves_at FROM payout WHERE id = :id"), {"id": payout}).scalar_one()


@bad_rows("payout", ("delay_begins_with_the_approval", {"leaves_at": LEAVES}))
def test_a_payout_that_waits_for_a_person_has_no_delay_yet(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    partner = b.partner(owner, b.program(owner))
    sold = b.earning(owner, partner, 100_00)
    with refused(owner, rule):
        b.payout(owner, partner, [sold], **different)


@proves("payout.delay_follows_the_approval", "delay_follows_the_approval")
def test_the_delay_begins_with_the_approval_and_ends_with_its_return_whoever_writes_them(
    owner: Connection, payout: int
) -> None:
    b.approve(owner, payout)
    assert leaves_at(owner, payout) == LEAVES
    for other in (None, b.NOW, LEAVES + b.DAY):
        with refused(owner, "delay_follows_the_approval"):
            b.set_status(owner, payout, "approved", leaves_at=other)
    b.set_status(owner, payout, "pending", leaves_at=LEAVES)
    assert leaves_at(owner, payout) is None


@pytest.mark.parametrize("terms", ["{}", '{"sending": {}}', '{"sending": {"delay": "PT0S"}}'])
def test_a_policy_without_a_delay_sets_none(owner: Connection, terms: str) -> None:
    program = b.program(owner)
    b.policy(owner, program, version=2, terms=terms)
    partner = b.partner(owner, program)
    payout = b.payout(owner, partner, [b.earning(owner, partner, 100_00)])
    b.approve(owner, payout)
    assert leaves_at(owner, payout) is None


@proves("attempt.nothing_leaves_before_its_time", "nothing_leaves_before_its_time")
def test_no_attempt_begins_while_the_approval_may_be_taken_back(owner: Connection, payout: int) -> None:
    b.approve(owner, payout)
    b.set_status(owner, payout, "processing")
    for too_early in (b.NOW, LEAVES - timedelta(microseconds=1)):
        with refused(owner, "nothing_leaves_before_its_time"):
            b.attempt(owner, payout, started_at=too_early)
    b.attempt(owner, payout, started_at=LEAVES)


def test_what_the_provider_shows_as_paid_is_booked_whatever_the_delay(owner: Connection, payout: int) -> None:
    b.approve(owner, payout)
    transfer_of(owner, payout)
    adopt(owner, payout)
    assert b.status_of(owner, payout) == "paid"
