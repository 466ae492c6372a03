"""Bounties under way: who is on the way, how far, what comes when; nobody who left or has been paid for."""

from __future__ import annotations

import pytest

from core.reads.bounties import Bounties, bounties_under_way
from core.reads.customer import customer_story
from tests.desk import DAY, HOUR, NOW, Desk


def under_way(desk: Desk, code: str = "BRK1", *, masked: bool = False) -> Bounties | None:
    partner = desk.scalar("SELECT id FROM partner WHERE code = :code", code=code)
    assert isinstance(partner, int)
    with desk.engine.connect() as conn:
        return bounties_under_way(conn, partner, now=NOW, masked=masked)


def test_a_customer_on_the_way_is_listed_with_days_the_day_and_the_amount(desk: Desk) -> None:
    desk.partner("BRK1", program="broker-bounty")
    desk.customer("early", "BRK1", signed_up=NOW - 32 * DAY)
    desk.customer("today", "BRK1", signed_up=NOW - HOUR)
    desk.customer("left", "BRK1", signed_up=NOW - 40 * DAY, cancelled=NOW - DAY)
    desk.customer("earned", "BRK1", signed_up=NOW - 60 * DAY)
    desk.accrue()

    found = under_way(desk)

    assert found is not None
    assert (found.count, found.total_minor) == (2, 1_000_00)
    rows = found.frame[["ref", "days_active", "of_days", "due_at", "amount_minor"]].to_dict("records")
    assert rows[0] == {
        "ref": "early",
        "days_active": 32,
        "of_days": 60,
        "due_at": NOW + 28 * DAY,
        "amount_minor": 500_00,
    }
    assert rows[1]["ref"] == "today"
    assert found.frame["name"].tolist() == ["Cleo Ltd", "Cleo Ltd"]
    masked = under_way(desk, masked=True)
    assert masked is not None
    assert masked.frame["name"].isna().all()


def test_nothing_is_under_way_where_nobody_is_and_where_the_program_pays_no_bounties(desk: Desk) -> None:
    desk.partner("BRK1", program="broker-bounty")
    desk.partner("AFF1")

    empty = under_way(desk)
    assert empty is not None
    assert (empty.count, empty.total_minor, len(empty.frame)) == (0, 0, 0)
    assert under_way(desk, "AFF1") is None


@pytest.mark.parametrize(
    ("program", "days", "cancelled", "rule"),
    [
        ("broker-bounty", 34, None, "$500.00 is earned on 16 Dec 2026 if they are still active then: 34 of 60 days so far."),
        ("broker-bounty", 34, 1, "No bounty: cancelled after 33 of 60 days."),
        ("broker-bounty", 61, None, "The bounty of 60 active days is earned once, and is."),
        (
            "broker-recurring",
            3,
            None,
            "$50.00 is earned for each month they are active at its first instant, the next on 1 Dec 2026.",
        ),
        (
            "broker-recurring",
            3,
            1,
            "$50.00 is earned for each month they are active at its first instant; none since they cancelled.",
        ),
    ],
)  # fmt: skip
def test_a_customer_who_brought_nothing_yet_says_by_what_rule_what_is_short_and_the_day(
    desk: Desk, program: str, days: int, cancelled: int | None, rule: str
) -> None:
    desk.partner("BRK1", program=program)
    ends = None if cancelled is None else NOW - cancelled * DAY
    desk.customer("cleo", "BRK1", signed_up=NOW - days * DAY, cancelled=ends)
    desk.accrue()
    customer = desk.scalar("SELECT id FROM customer")
    assert isinstance(customer, int)

    with desk.engine.connect() as conn:
        assert customer_story(conn, customer, now=NOW, masked=False).rule == rule
