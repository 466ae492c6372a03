"""The money view: its step stands in the address, what each program paid beside it, and no figure without its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from tests.desk import Desk

Open = Callable[..., AppTest]
DAY = timedelta(days=1)


@pytest.fixture
def paid(desk: Engine, now: datetime, tmp_path: Path) -> Engine:
    """Affiliate and reseller, both in dollars, paid $120 and $80 forty days ago and $60 and $70 yesterday."""
    life = Desk(desk, tmp_path)
    for program in ("affiliate", "reseller"):
        life.partner(program.upper(), program=program, account=f"acct_{program}", now=now - 100 * DAY)
    for back, sums in ((40, ("120.00", "80.00")), (1, ("60.00", "70.00"))):
        at = now - back * DAY
        for program, amount in zip(("affiliate", "reseller"), sums, strict=True):
            when = at - 35 * DAY
            life.sale(program.upper(), amount, ref=f"{program}-{back}", program=program, at=when, now=when)
        life.release(at)
        for program, amount in zip(("affiliate", "reseller"), sums, strict=True):
            life.approve(life.request(program.upper(), amount, now=at), now=at)
        life.send(now=at)
    return desk


def words(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.caption)).replace("\\", "")


def programs_chart(app: AppTest) -> dict[str, list[str]]:
    specs = [json.loads(one.proto.spec) for one in app.get("plotly_chart")]
    found = next(spec for spec in specs if spec["layout"].get("barmode") == "stack")
    return {trace["name"]: trace["customdata"] for trace in found["data"]}


@pytest.mark.usefixtures("paid")
def test_the_step_stands_in_the_address_and_every_card_goes_by_it(open_page: Open) -> None:
    app = open_page("vera", "analytics", days="365")
    assert "per week" in words(app)
    step = next(one for one in app.segmented_control if str(one.key).startswith("analytics-step"))
    assert step.options == ["Weeks", "Months"]
    step.set_value("month").run()
    assert not app.exception
    assert "month" in app.query_params["step"]
    assert "per week" not in words(app)
    assert words(app).count("per month") == 3
    months = programs_chart(open_page("vera", "analytics", days="365", step="month"))
    # Twelve of them on the last day of one, when a year begins with the first of the next.
    assert [len(amounts) for amounts in months.values()] in ([13, 13], [12, 12])


@pytest.mark.parametrize(("days", "step"), [("7", "month"), ("365", "day"), ("30", "hour")])
@pytest.mark.usefixtures("paid")
def test_a_step_that_makes_no_sense_is_the_usual_one(open_page: Open, days: str, step: str) -> None:
    app = open_page("vera", "analytics", days=days, step=step)
    assert not app.exception
    assert ("per week" if days == "365" else "per day") in words(app)


@pytest.mark.usefixtures("paid")
def test_paid_by_program_is_a_chart_a_table_and_a_file_that_add_up(open_page: Open, now: datetime) -> None:
    app = open_page("vera", "analytics", days="90", step="month")
    drawn = programs_chart(app)
    assert set(drawn) == {"Affiliates", "Resellers"}
    sums = {name: sum(float(amount.strip("$")) for amount in amounts) for name, amounts in drawn.items()}
    assert sums == {"Affiliates": 180.0, "Resellers": 150.0}
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Completed payouts"] == "$330.00"

    table = open_page("vera", "analytics", days="90", step="month", programs="table")
    grid = next(one.value for one in table.dataframe if "Total" in one.value.columns)
    assert grid["day"].iloc[0] == f"{now:%Y-%m}"
    last = [str(value).strip() for value in grid.iloc[-1]]
    assert last == ["In all", "$330.00", "$180.00", "$150.00"]
    assert "The period cuts it" in words(table) or now.day == 1

    one = open_page("vera", "analytics", days="90", step="month", program="affiliate")
    assert "Paid by program" not in words(one)
    assert "Paid by program" in words(app)


@pytest.mark.usefixtures("paid")
def test_the_period_before_is_named_with_both_its_years(open_page: Open, now: datetime) -> None:
    until = (now - DAY).date()
    since = until - 379 * DAY  # longer than a year: the one before lies in two, whatever day it is
    app = open_page("vera", "analytics", days="custom", since=since.isoformat(), until=until.isoformat())
    first, last = since - 380 * DAY, since - DAY
    assert f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}" in words(app)


@pytest.mark.usefixtures("paid")
def test_it_is_said_whose_revenue_is_the_commission_itself(open_page: Open) -> None:
    said = words(open_page("vera", "analytics", days="90"))
    assert (
        "For Affiliates and Resellers the commission arrives as such, and is all their revenue here." in said
    )
    assert "commission arrives" not in words(open_page("vera", "analytics", days="90", program="creator"))
