"""What was paid by program adds up to the figures and the ledger, whatever the step."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Connection

from core.reports.analytics import analytics, steps_of
from core.reports.by_program import paid_by_program, without_sales
from core.reports.period import Period, between
from tests import builders
from tests.desk import DAY, HOUR, NOW, Desk

YEAR = (date(2025, 11, 21), date(2026, 11, 20))
DAYS_BACK = {"affiliate": (500, 400, 200, 31, 30, 1), "reseller": (380, 150, 29)}


@pytest.fixture
def paid(desk: Desk) -> Desk:
    """An affiliate and a reseller paid over two years, each time another amount."""
    for code in DAYS_BACK:
        desk.partner(code.upper(), program=code, account=f"acct_{code}", now=NOW - 600 * DAY)
    for back, code in sorted(
        ((back, one) for one, all_days in DAYS_BACK.items() for back in all_days), reverse=True
    ):
        at = NOW - back * DAY
        desk.sale(
            code.upper(),
            f"{back + 100}.00",
            ref=f"s{back}",
            program=code,
            at=at - 60 * DAY,
            now=at - 60 * DAY,
        )
        desk.release(at)
        desk.approve(desk.request(code.upper(), f"{back + 99}.00", now=at), now=at + HOUR)
        desk.send(now=at + 2 * HOUR)
    assert desk.faults() == []
    return desk


def year(conn: Connection) -> Period:
    return between(conn, *YEAR)


@pytest.mark.parametrize(("step", "steps"), [("week", 53), ("month", 13)])
def test_paid_by_program_adds_up_to_the_ledger_and_to_the_figures_over_time(
    paid: Desk, step: str, steps: int
) -> None:
    with paid.engine.connect() as conn:
        period = year(conn)
        found = paid_by_program(conn, period, currency="USD", step=step)
        told = analytics(conn, now=NOW, masked=False, period=period, step=step)
        euros = paid_by_program(conn, period, currency="EUR", step=step)

    rows = paid.column(
        """SELECT g.code || ' ' || date_trunc(:step, l.effective_at AT TIME ZONE g.zone)::date || ' ' || sum(l.amount_minor)
             FROM ledger_transfer l JOIN partner r ON r.id = l.partner_id JOIN program g ON g.id = r.program_id
            WHERE l.kind IN ('settle', 'fee') AND (l.effective_at AT TIME ZONE g.zone)::date BETWEEN :since AND :until
            GROUP BY g.code, date_trunc(:step, l.effective_at AT TIME ZONE g.zone) ORDER BY 1""",
        step=step,
        since=period.since,
        until=period.until,
    )
    moved = found[found["paid_minor"] > 0]
    mine = [
        f"{code} {day} {minor}"
        for code, day, minor in zip(moved["program"], moved["day"], moved["paid_minor"], strict=True)
    ]
    assert sorted(mine) == sorted(map(str, rows))
    assert len(mine) >= 5
    assert found["day"].nunique() == steps
    dollars = told.over_time[told.over_time["currency"] == "USD"]
    by_step = found.groupby("day")["paid_minor"].sum()
    assert by_step.tolist() == dollars["paid_minor"].tolist()
    done = told.figures[(told.figures["metric"] == "completed_payouts") & (told.figures["currency"] == "USD")]
    assert found["paid_minor"].sum() == done["amount_minor"].sum() > 0
    assert found["payouts"].sum() == done["count"].sum()
    assert euros["paid_minor"].sum() == 0


def test_a_month_stands_beside_the_same_month_of_the_year_before_and_loses_none_of_it(paid: Desk) -> None:
    with paid.engine.connect() as conn:
        period = between(conn, *YEAR, program="affiliate")
        told = analytics(conn, now=NOW, masked=False, period=period, step="month")
    before = {str(day)[:7]: minor for day, minor in told.over_time[["day", "paid_before_minor"]].to_numpy()}
    told_of = {month: minor for month, minor in before.items() if minor}
    assert told_of == {"2026-07": 599_00, "2026-10": 499_00}  # paid in July and October of 2025
    done = told.figures[told.figures["metric"] == "completed_payouts"]
    assert sum(before.values()) == done["previous_minor"].sum() > 0


@pytest.mark.parametrize(
    ("since", "steps"),
    [
        (date(2026, 11, 14), ["day"]),
        (date(2026, 11, 7), ["day", "week"]),
        (date(2026, 10, 24), ["day", "week", "month"]),
        (date(2026, 8, 23), ["day", "week", "month"]),
        (date(2026, 8, 22), ["week", "month"]),
    ],
)
def test_a_step_is_offered_where_it_makes_sense(since: date, steps: list[str]) -> None:
    assert steps_of(Period(since=since, until=date(2026, 11, 20), zone="UTC", program=None)) == steps


def test_programs_whose_customers_sales_are_not_in_the_books_are_named_where_they_earned(paid: Desk) -> None:
    with paid.engine.begin() as conn:
        period = year(conn)
        assert without_sales(conn, period, currency="USD").no_revenue == []
        bounty = builders.program(conn, "bounty", terms='{"commission": {"kind": "flat_once"}}')
        builders.earning(conn, builders.partner(conn, bounty, "B1"), 500_00, occurred_at=NOW - DAY)
        found = without_sales(conn, period, currency="USD")
        silent = without_sales(conn, between(conn, date(2020, 1, 1), date(2020, 2, 1)), currency="USD")
        one = without_sales(conn, between(conn, *YEAR, program="affiliate"), currency="USD")
    assert (found.commission, len(found.no_revenue)) == (["Affiliates", "Resellers"], 1)
    assert (silent.commission, silent.no_revenue) == ([], [])
    assert (one.commission, one.no_revenue) == (["Affiliates"], [])
