"""What keeps a partner's money: every rule by name, what is short of it, the day it clears; and the queue then agrees."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.holds import place_hold
from core.reads.answer import answer
from core.reads.outlook import Outlook, partner_outlook
from core.reads.partner import partner_story
from tests.builders import earning
from tests.desk import DAY, HOUR, MIA, NOW, Desk

FRIDAYS = {"kind": "weekly", "weekday": 5}
NEXT_FRIDAY = datetime(2026, 11, 27, tzinfo=UTC)


def outlook(desk: Desk, code: str = "AFF1", *, now: datetime = NOW) -> Outlook:
    partner = desk.scalar("SELECT id FROM partner WHERE code = :code", code=code)
    assert isinstance(partner, int)
    with desk.engine.connect() as conn:
        return partner_outlook(conn, partner, now=now)


def codes(seen: Outlook) -> list[str]:
    return [one.code for one in seen.kept]


@pytest.fixture
def short(desk: Desk) -> Desk:
    """$40.00 available, $20.00 released in two days, a minimum of $50.00, paid on Fridays."""
    desk.partner()
    desk.own_terms("AFF1", min_payout_minor=50_00, schedule=FRIDAYS, hold_days=3)
    desk.sale("AFF1", "40.00", ref="there", at=NOW - 10 * DAY)
    desk.sale("AFF1", "20.00", ref="held", at=NOW - DAY)
    desk.release()
    return desk


def test_what_is_below_the_minimum_says_by_how_much_and_the_day_that_is_reached_and_the_queue_pays_then(
    short: Desk,
) -> None:
    short.sale("AFF1", "30.00", ref="later", at=NOW - HOUR)
    seen = outlook(short)

    (kept,) = seen.kept
    assert (kept.code, kept.short_minor, kept.clears_at) == ("below_minimum", 10_00, NOW + 2 * DAY)
    assert kept.rule == "Below the minimum by $10.00: $40.00 of $50.00"
    assert (seen.amount_minor, seen.paid_at) == (None, NEXT_FRIDAY)

    short.queue(NOW)
    short.release(NOW + 2 * DAY)
    cleared = outlook(short, now=NOW + 2 * DAY)
    assert (codes(cleared), cleared.amount_minor, cleared.fee_minor) == ([], 60_00, 25)
    assert cleared.paid_at == NEXT_FRIDAY
    assert short.queue(NEXT_FRIDAY, run_id=2).amounts == {"USD": 60_00}


def test_the_day_is_the_first_that_is_enough_and_none_is_promised_where_none_is(short: Desk) -> None:
    short.own_terms("AFF1", min_payout_minor=60_01, schedule=FRIDAYS)

    (kept,) = outlook(short).kept

    assert (kept.short_minor, kept.clears_at, kept.clears) == (20_01, None, "by what is earned from now on")
    assert outlook(short).paid_at is None


def test_every_rule_that_keeps_the_money_is_told_and_not_only_the_first(short: Desk) -> None:
    short.decide(
        lambda conn: place_hold(
            conn, _id(short), "dispute", actor=MIA, now=NOW, until=NOW + 5 * DAY, note="asked"
        )
    )
    short.partner(status="suspended")

    seen = outlook(short)

    assert codes(seen)[0] == "partner_suspended"
    assert {"on_hold", "below_minimum"} <= set(codes(seen))
    told = {one.code: one for one in seen.kept}
    assert told["on_hold"].clears_at == NOW + 5 * DAY
    assert told["partner_suspended"].clears == "when somebody activates them"
    assert seen.paid_at is None
    assert short.balance("AFF1").available == 40_00


def test_a_debt_is_short_by_itself_and_by_the_minimum(short: Desk) -> None:
    with short.engine.begin() as conn:
        earning(conn, _id(short), -65_00, kind="manual", occurred_at=NOW, release_at=NOW)

    (kept,) = outlook(short).kept

    assert short.balance("AFF1").available == -25_00
    assert (kept.code, kept.short_minor, kept.clears_at) == ("nothing_available", 75_00, None)
    assert kept.rule == "Nothing to pay: the balance is −$25.00"


def test_a_reached_cap_clears_on_the_first_of_the_next_month(desk: Desk) -> None:
    desk.funded()
    desk.own_terms("AFF1", max_per_partner_month_minor=30_00)
    desk.request("AFF1", "30.00")

    (kept,) = outlook(desk).kept

    assert (kept.code, kept.clears_at) == ("cap_reached", datetime(2026, 12, 1, tzinfo=UTC))
    assert kept.rule == "The month's cap of $30.00 is reached: $30.00 is paid or on its way"


def test_a_fee_that_eats_the_payout_says_the_least_it_lets_through(desk: Desk) -> None:
    desk.funded(amount="0.20")

    (kept,) = outlook(desk).kept
    assert (kept.code, kept.short_minor) == ("fee_exceeds_amount", 6)

    desk.sale("AFF1", "0.06", ref="more")
    desk.release()
    assert outlook(desk).amount_minor == 26


def test_an_open_request_is_named_where_the_program_takes_one_at_a_time(desk: Desk) -> None:
    desk.partner("CRE1", program="creator")
    desk.sale("CRE1", "100.00", ref="booked", program="creator", kind="booking", at=NOW - 9 * DAY)
    desk.release()
    assert outlook(desk, "CRE1").amount_minor == 90_00

    payout = desk.request("CRE1", "20.00")

    seen = outlook(desk, "CRE1")
    assert [one.rule for one in seen.kept] == [f"One request at a time: payout {payout} is under way"]
    assert seen.on_request


def test_the_answer_to_a_partner_says_what_keeps_it_today_and_when_that_clears(short: Desk) -> None:
    with short.engine.connect() as conn:
        story = partner_story(conn, "AFF1", now=NOW, masked=False)
    assert story is not None

    sheet = answer(story, now=NOW)

    assert (
        "Below the minimum by $10.00: $40.00 of $50.00; that clears on 22 November 2026 with what is held."
        in sheet
    )


def _id(desk: Desk) -> int:
    found = desk.scalar("SELECT id FROM partner WHERE code = 'AFF1'")
    assert isinstance(found, int)
    return found


def test_what_is_released_in_this_month_clears_nothing_its_cap_has_no_room_for(desk: Desk) -> None:
    desk.partner()
    desk.own_terms(
        "AFF1", max_per_partner_month_minor=100_00, min_payout_minor=25_00, schedule=FRIDAYS, hold_days=3
    )
    desk.sale("AFF1", "140.00", ref="there", at=NOW - 10 * DAY)
    desk.sale("AFF1", "5.00", ref="held", at=NOW - DAY)
    desk.release()
    desk.request("AFF1", "80.00")
    assert desk.balance("AFF1").available == 60_00

    (kept,) = outlook(desk).kept

    assert (kept.code, kept.clears_at) == ("below_minimum", datetime(2026, 12, 1, tzinfo=UTC))
    assert outlook(desk).paid_at == datetime(2026, 12, 4, tzinfo=UTC)
