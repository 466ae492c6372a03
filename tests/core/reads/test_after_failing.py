"""A payout that failed says where its money is and whose move it is, until another one has taken it along."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.decisions import Wanted
from core.ending import reject_payouts
from core.holds import lift_hold
from core.reads.payout import story
from tests.desk import ADA, NOW, Balance, Desk, Rail, declined

LATER = NOW + timedelta(hours=2)
BACK = "Its money is back in the partner's balance"


def follows(desk: Desk, payout: int) -> list[str]:
    """What the story says of now and of what comes."""
    with desk.engine.connect() as conn:
        told = story(conn, payout, now=LATER, masked=False)
    assert told is not None
    return list(told.timeline.loc[told.timeline["state"] != "past", "what"])


@pytest.fixture
def failed(desk: Desk) -> int:
    """A payout of the whole balance that the provider refused for good."""
    payout = desk.approved(amount="100.00")
    desk.send(Rail(declined("invalid_bank_account")))
    assert (desk.status(payout), desk.balance("AFF1")) == ("failed", Balance(0, 100_00, 0, 0, 0))
    return payout


def test_the_money_is_back_and_the_partner_is_named_as_who_moves_while_the_hold_stands(
    desk: Desk, failed: int
):
    back, whose, again = follows(desk, failed)
    assert (back, again) == (BACK, "Queued anew by the next run, or when asked for")
    assert whose.startswith("The partner is on hold until their details are right")


def test_once_the_hold_is_lifted_only_another_payout_is_waited_for(desk: Desk, failed: int):
    hold = int(str(desk.scalar("SELECT id FROM hold")))
    desk.decide(lambda conn: lift_hold(conn, hold, actor=ADA, now=LATER, note="new details came"))
    assert follows(desk, failed) == [BACK, "Queued anew by the next run, or when asked for"]

    again = desk.request("AFF1", "100.00", now=LATER)
    assert follows(desk, failed) == [f"Its money went into payout {again}"]
    assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    desk.decide(
        lambda conn: reject_payouts(conn, [Wanted(id=again)], actor=ADA, now=LATER, reason="not this month")
    )
    assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
    assert follows(desk, failed) == [BACK, "Queued anew by the next run, or when asked for"]


def test_an_approved_payout_the_provider_refused_for_a_reason_of_ours_says_so_until_it_is_paid(desk: Desk):
    payout = desk.approved()
    assert follows(desk, payout)[0] == "Approved, leaves next"
    desk.send(Rail(declined("balance_insufficient")))
    now, then = follows(desk, payout)
    assert now.endswith("refused for a reason of ours: The platform's balance does not cover this transfer")
    assert then == "Sent by itself once that is mended"

    desk.send(now=LATER)
    assert (desk.status(payout), follows(desk, payout)) == ("paid", [])
