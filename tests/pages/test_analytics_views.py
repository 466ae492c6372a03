"""The views of the analytics, as a person sees them: figures of the rows, files of the figures, state in the address."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.balances import write_balances
from core.money import plain
from core.reports.export import csv_bytes
from core.reports.owed import owed_by_age
from tests import builders
from tests.desk import Desk

Open = Callable[..., AppTest]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
VIEWS = ("money", "owed", "speed", "partners", "customers", "fees", "cash")


@pytest.fixture
def paid(desk: Engine, now: datetime, tmp_path: Path) -> Engine:
    """An affiliate paid twice today, $40 and $20; $15 owed since yesterday, $9 waits; a customer of theirs; $5 of cash."""
    life = Desk(desk, tmp_path)
    life.partner("AF-1")
    life.sale("AF-1", "84.00", ref="s1", at=now - DAY, now=now - DAY)
    life.release(now - DAY)
    for amount in ("40.00", "20.00"):
        life.approve(life.request("AF-1", amount, now=now - 2 * MINUTE), now=now - 2 * MINUTE)
        life.send(now=now - MINUTE)
    life.request("AF-1", "9.00", now=now)
    with desk.begin() as conn:
        partner = conn.execute(text("SELECT id FROM partner WHERE code = 'AF-1'")).scalar_one()
        builders.customer(conn, partner, signed_up_at=now - 70 * DAY)
        write_balances(conn, "simulator", {"USD": 500}, now=now)
    return desk


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    parts = [one.value for one in (*app.markdown, *app.caption)]
    return "\n".join([*parts, *(table.value.to_string() for table in app.table)])


def proposals(app: AppTest) -> str:
    return "\n".join(one.proto.label for one in app.get("page_link"))


@pytest.mark.parametrize("shape", ["chart", "table"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.usefixtures("paid")
def test_every_view_draws_as_chart_and_as_table_and_says_what_it_counts(
    open_page: Open, view: str, shape: str
) -> None:
    cards = {
        "money": ("revenue", "statuses", "balances", "paid", "top"),
        "owed": ("owed", "waiting"),
        "speed": ("reasons", "ended", "earned", "approved"),
        "customers": ("retention",),
        "fees": ("saving",),
        "cash": ("runway",),
    }
    app = open_page(
        "ada", "analytics", view=view, program="affiliate", **dict.fromkeys(cards.get(view, ()), shape)
    )

    assert not app.exception
    assert [one.label for one in app.expander] == ["What each figure counts"]
    alts = [json.loads(one.proto.spec) for one in app.get("plotly_chart")]
    assert bool(alts) is (shape == "chart" and view != "partners")
    assert all(one.proto.alt for one in app.get("plotly_chart"))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_an_empty_desk_says_so(open_page: Open, view: str) -> None:
    app = open_page("vera", "analytics", view=view)
    assert not app.exception
    assert any(word in words(app) for word in ("Nothing", "Nobody", "No ", "Not seen"))


@pytest.mark.usefixtures("paid")
def test_what_is_owed_is_the_ledgers_and_goes_home_as_a_file(
    open_page: Open, paid: Engine, now: datetime
) -> None:
    app = open_page("ada", "analytics", view="owed", owed="table", program="affiliate")
    with paid.connect() as conn:
        balance = conn.execute(text("SELECT sum(held + available) FROM partner_balance")).scalar_one()
        found = owed_by_age(conn, now=now, program="affiliate")
    assert balance == 1_500
    assert "$15.00 in all" in words(app)
    assert "Paid on request, and nobody has asked" in words(app)
    assert "/partner?code=AF-1" in words(app)
    assert any(one.proto.label == "CSV" for one in app.get("download_button"))
    lines = list(csv.DictReader(io.StringIO(csv_bytes([found]).decode("utf-8-sig"))))
    assert sum(float(line["amount"]) for line in lines) == float(plain(int(balance), "USD"))


@pytest.mark.usefixtures("paid")
def test_success_and_speed_are_told(open_page: Open) -> None:
    app = open_page("ada", "analytics", view="speed", program="affiliate")
    assert figures(app)["Success"] == "100.0%"
    assert figures(app)["Failed for good"] == "0 payouts"


@pytest.mark.usefixtures("paid")
def test_one_partner_has_figures_of_their_own_and_a_viewer_sees_no_name(open_page: Open) -> None:
    app = open_page("ada", "analytics", view="partners", partner="AF-1")
    assert figures(app)["Paid"] == "$60.00"
    assert "Ana Silva" in words(app)
    assert "Customers left, months after they signed up" in words(app)
    assert "1 customer of the last twelve months" in words(app)
    masked = open_page("vera", "analytics", view="partners", partner="AF-1")
    assert "Ana Silva" not in words(masked)
    assert figures(masked)["Paid"] == "$60.00"
    assert "No such partner" in words(open_page("ada", "analytics", view="partners", partner="nobody"))


@pytest.mark.usefixtures("paid")
def test_joined_payouts_spare_a_fixed_fee_and_lead_to_the_partners_terms(open_page: Open) -> None:
    app = open_page("ada", "analytics", view="fees", saving="table", program="affiliate")
    assert figures(app)["Payouts"] == "2"
    assert figures(app)["Partners would have saved"] == "$0.25"
    assert "/partner?code=AF-1&terms=1&schedule=month" in words(app)
    least = open_page("ada", "analytics", view="fees", way="minimum", minimum="100", program="affiliate")
    assert figures(least)["Partners would have saved"] == "$0.50"
    assert "a minimum of $100.00" in proposals(least)
    nonsense = open_page("ada", "analytics", view="fees", way="minimum", minimum="lots", program="affiliate")
    assert not nonsense.exception


@pytest.mark.usefixtures("paid")
def test_a_proposal_opens_the_partners_terms_filled_in_and_one_that_is_none_fills_nothing(
    open_page: Open,
) -> None:
    app = open_page("ada", "analytics", view="fees", program="affiliate")
    assert "paid monthly on day 1" in proposals(app)

    for query, expected in (
        ({"schedule": "month"}, "monthly on day 1"),
        ({"schedule": "week"}, "weekly on Friday"),
        ({"minimum": "75.00"}, "$75.00"),
    ):
        form = open_page("max", "partner", code="AF-1", terms="1", **query)
        assert not form.exception
        assert expected in words(form).replace("\\", ""), query
        assert any(one.key == "propose-terms" for one in form.button)
    for query in ({"schedule": "never"}, {"minimum": "lots"}, {}):
        form = open_page("max", "partner", code="AF-1", terms="1", **query)
        assert not form.exception
        assert "nothing yet" in words(form), query


@pytest.mark.usefixtures("paid")
def test_the_cash_is_told_on_the_overview_and_its_days_one_click_away(open_page: Open) -> None:
    overview = open_page("ada", "overview")
    assert "USD · $5.00" in "\n".join(one.proto.label for one in overview.get("page_link"))
    assert "Short today" in words(overview)
    app = open_page("ada", "analytics", view="cash", currency="USD")
    assert figures(app)["There now, USD"] == "$5.00"
    assert figures(app)["Lasts"] == "not today"
    assert "$3.75 short today" in words(app)


@pytest.mark.usefixtures("paid")
def test_a_custom_period_stands_in_the_address(open_page: Open, now: datetime) -> None:
    since, until = (now - 3 * DAY).date(), now.date()
    app = open_page("ada", "analytics", days="custom", since=since.isoformat(), until=until.isoformat())
    assert app.date_input(key="analytics-span").value == (since, until)
    assert figures(app)["Completed payouts"] == "$60.00"
    app.segmented_control(key="analytics-days").set_value("90").run()
    assert "since" not in app.query_params
    assert "90" in app.query_params["days"]


@pytest.mark.parametrize(
    "days", [{"days": "custom", "since": "x", "until": "2026-01-01"}, {"days": "custom"}, {"days": "-1"}]
)
def test_an_address_that_is_no_period_shows_the_usual_one(open_page: Open, days: dict[str, str]) -> None:
    app = open_page("ada", "analytics", **days)
    assert not app.exception
    assert "30 days before" in words(app)


@pytest.mark.usefixtures("paid")
def test_the_switch_of_views_writes_the_address(open_page: Open) -> None:
    app = open_page("ada", "analytics")
    app.segmented_control(key="analytics-view").set_value("owed").run()
    assert "owed" in app.query_params["view"]
