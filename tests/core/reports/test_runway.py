"""Cash: what is there against what will leave it, day by day; the first day it does not last."""

from __future__ import annotations

from datetime import date, timedelta

from core.balances import write_balances
from core.reports.runway import Runway, runway
from tests.desk import DAY, HOUR, NOW, Desk

TODAY = NOW.date()


def seen(desk: Desk, balance_minor: int | None, *, currency: str = "USD") -> None:
    desk.decide(lambda conn: write_balances(conn, "simulator", {currency: balance_minor}, now=NOW - HOUR))


def told(desk: Desk, *, currency: str = "USD") -> Runway:
    with desk.engine.connect() as conn:
        return next(one for one in runway(conn, "simulator", now=NOW) if one.currency == currency)


def left(found: Runway, day: date) -> int:
    return int(found.days.loc[found.days["day"] == day, "left_minor"].iloc[0])


def three_calls_on_the_cash(desk: Desk) -> None:
    """Net: 24.75 approved, 9.75 pending, and 40.00 released in five days."""
    payout = desk.approved("AFF1", "25.00")
    assert desk.status(payout) == "approved"
    desk.request("AFF1", "10.00")
    desk.partner("CRE1", program="creator", account="acct_2")
    desk.sale("CRE1", "100.00", ref="c1", program="creator", kind="booking", at=NOW - 2 * DAY)


def test_each_day_takes_what_leaves_or_is_released_then(desk: Desk) -> None:
    three_calls_on_the_cash(desk)
    seen(desk, 100_00)
    seen(desk, 50_00, currency="EUR")

    usd, eur = told(desk), told(desk, currency="EUR")

    assert usd.there_minor == 100_00
    assert usd.days[["approved_minor", "pending_minor"]].sum().tolist() == [24_75, 9_75]
    assert left(usd, TODAY) == 100_00 - 24_75 - 9_75
    assert usd.short_on is None
    assert usd.available_minor == 65_00
    in_five_days = TODAY + timedelta(days=5)
    assert left(eur, in_five_days - timedelta(days=1)) == 50_00
    assert left(eur, in_five_days) == 50_00 - 90_00
    assert (eur.short_on, eur.short_minor) == (in_five_days, 40_00)


def test_the_balance_itself_lasts_and_a_cent_less_does_not(desk: Desk) -> None:
    desk.approved("AFF1", "25.00")
    seen(desk, 24_75)
    assert (told(desk).short_on, told(desk).fits, told(desk).due) == (None, 1, 1)


def test_a_cent_less_than_what_leaves_is_short_today(desk: Desk) -> None:
    desk.approved("AFF1", "25.00")
    seen(desk, 24_74)
    found = told(desk)
    assert (found.short_on, found.short_minor, found.fits, found.due) == (TODAY, 1, 0, 1)


def test_what_was_sent_since_the_look_is_not_there_any_more_and_leaves_no_second_time(desk: Desk) -> None:
    payout = desk.approved("AFF1", "25.00")
    seen(desk, 100_00)
    before = left(told(desk), TODAY)
    desk.send()
    assert desk.status(payout) == "paid"
    after = told(desk)
    assert (after.sent_since_minor, after.there_minor) == (24_75, 75_25)
    assert left(after, TODAY) == before


def test_without_a_limit_nothing_runs_out_and_without_a_look_nothing_is_told(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        assert runway(conn, "simulator", now=NOW) == []
    desk.approved("AFF1", "25.00")
    seen(desk, None)
    found = told(desk)
    assert (found.there_minor, found.short_on) == (None, None)
    assert found.days["left_minor"].isna().all()
    assert found.days["approved_minor"].sum() == 24_75
