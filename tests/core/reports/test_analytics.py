"""Analytics: exact to the minor unit, per currency, by the days of the program's zone."""

from datetime import date

import pytest
from sqlalchemy import Connection

from core.reports.analytics import DEFINITIONS, PERIODS_DAYS, Analytics, analytics
from tests.builders import DAY, NOW, earning, partner, program, sale
from tests.core.reads.desk import one_of_each


def figure(told: Analytics, metric: str, currency: str = "USD") -> tuple[int, int]:
    row = told.figures[(told.figures["metric"] == metric) & (told.figures["currency"] == currency)]
    return (0, 0) if row.empty else (int(row["count"].iloc[0]), int(row["amount_minor"].iloc[0]))


def test_every_figure_is_exact_and_currencies_stay_apart(conn: Connection):
    one_of_each(conn)
    told = analytics(conn, now=NOW, masked=False)
    assert (told.since, told.until) == (date(2026, 2, 1), date(2026, 3, 2))
    assert figure(told, "completed_payouts") == (1, 10_000)
    assert figure(told, "payout_fees") == (1, 25)
    assert figure(told, "pending_payouts") == (9, 243_500)
    assert figure(told, "pending_payouts", "EUR") == (1, 12_000)
    assert figure(told, "partner_earnings") == (12, 264_500)
    assert figure(told, "partner_earnings", "EUR") == (1, 12_000)
    assert figure(told, "reserved") == (9, 243_500)
    assert figure(told, "available") == (1, 11_000)
    statuses = told.statuses.groupby("status")["count"].sum().to_dict()
    assert statuses == {"pending": 7, "approved": 1, "processing": 1, "retrying": 1, "paid": 1, "rejected": 1}
    assert told.top_partners[
        ["partner_code", "currency", "count", "paid_minor", "share_pct"]
    ].to_numpy().tolist() == [["paid", "USD", 1, 10_000, 100.0]]
    assert analytics(conn, now=NOW, masked=True).top_partners["partner_name"].isna().all()
    assert set(told.figures["metric"]) <= set(DEFINITIONS)


@pytest.mark.parametrize("days", PERIODS_DAYS)
def test_the_lines_over_time_add_up_to_the_figures(conn: Connection, days: int):
    own = program(conn, "own")
    who = partner(conn, own, "OVER")
    for back in (0, 6, 7, 29, 30, 89, 90, 364, 365):
        sale(conn, who, 1_000 + back, occurred_at=NOW - back * DAY)
        earning(conn, who, 100 + back, fee_minor=10, occurred_at=NOW - back * DAY)
    told = analytics(conn, now=NOW, masked=False, days=days, program="own")
    inside = [back for back in (0, 6, 7, 29, 30, 89, 90, 364, 365) if back < days]
    assert figure(told, "revenue") == (len(inside), sum(1_000 + back for back in inside))
    assert figure(told, "platform_fees") == (len(inside), 10 * len(inside))
    for metric, column in (
        ("revenue", "revenue_minor"),
        ("platform_fees", "platform_fee_minor"),
        ("partner_earnings", "earned_minor"),
    ):
        assert int(told.over_time[column].sum()) == figure(told, metric)[1]
    assert told.step == ("day" if days <= 90 else "week")
    assert len(told.over_time) == (days if days <= 90 else 53)
    before = told.figures.set_index("metric").loc["revenue", "previous_count"]
    assert before == len([back for back in (0, 6, 7, 29, 30, 89, 90, 364, 365) if days <= back < 2 * days])


def test_a_day_is_the_programs_own(conn: Connection):
    auckland = program(conn, "auckland", zone="Pacific/Auckland")
    who = partner(conn, auckland, "NZ")
    sale(conn, who, 500, occurred_at=NOW.replace(hour=11, minute=30))  # 00:30 on 3 March there
    there = analytics(conn, now=NOW.replace(hour=11), masked=False, days=7, program="auckland")
    assert (there.zone, there.until) == ("Pacific/Auckland", date(2026, 3, 3))
    assert figure(there, "revenue") == (1, 500)
    earlier = analytics(conn, now=NOW, masked=False, days=7, program="auckland")
    assert earlier.until == date(2026, 3, 2)
    assert figure(earlier, "revenue") == (0, 0)


def test_a_program_that_is_not_there_has_no_figures(conn: Connection):
    one_of_each(conn)
    told = analytics(conn, now=NOW, masked=False, program="nothing")
    assert told.figures.empty
    assert told.over_time.empty
    assert told.statuses.empty
