from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.reports.analytics import PERIODS_DAYS
from tests import builders
from tests.world import pending

Open = Callable[..., AppTest]
DAY = timedelta(days=1)


@pytest.fixture
def sold(desk: Engine, now: datetime) -> Engine:
    """Sales of $100 today, $40 twenty days ago, $7 fifty days ago, and €90 today."""
    with desk.begin() as conn:
        programs = {row.code: row.id for row in conn.execute(text("SELECT code, id FROM program"))}
        affiliate = builders.partner(
            conn, programs["affiliate"], "AF-1", name="Mara Lindqvist", released_to=now
        )
        creator = builders.partner(conn, programs["creator"], "CR-1", name="Chiara Okafor", released_to=now)
        for minor, days in ((10_000, 0), (4_000, 20), (700, 50)):
            builders.sale(conn, affiliate, minor, occurred_at=now - days * DAY)
        builders.sale(conn, creator, 9_000, occurred_at=now)
        builders.earning(conn, affiliate, 2_500, occurred_at=now - DAY, fee_minor=7_500)
        pending(conn, [5_000], now=now)
    return desk


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


@pytest.mark.parametrize(
    ("days", "revenue"), [("7", "$100.00"), ("30", "$140.00"), ("90", "$147.00"), ("365", "$147.00")]
)
@pytest.mark.usefixtures("sold")
def test_revenue_is_that_of_the_period_in_one_currency(open_page: Open, days: str, revenue: str):
    app = open_page("ada", "analytics", days=days)

    assert not app.exception
    assert figures(app)["Revenue, USD"] == revenue


@pytest.mark.usefixtures("sold")
def test_thirty_days_are_the_default_and_every_period_is_offered(open_page: Open):
    app = open_page("ada", "analytics")

    period = app.segmented_control(key="analytics-days")
    assert period.value == "30"
    assert len(period.options) == len(PERIODS_DAYS) + 1


@pytest.mark.usefixtures("sold")
def test_another_currency_has_its_own_figures(open_page: Open):
    app = open_page("ada", "analytics", currency="EUR")

    assert figures(app)["Revenue, EUR"] == "€90.00"


@pytest.mark.usefixtures("sold")
def test_one_program_narrows_the_figures_and_the_address_remembers_it(open_page: Open):
    app = open_page("ada", "analytics")
    app.selectbox(key="analytics-scope").set_value("creator EUR").run()

    assert app.query_params["program"] == "creator"
    assert figures(app)["Revenue, EUR"] == "€90.00"


@pytest.mark.usefixtures("sold")
def test_the_cards_tell_fees_earnings_and_pending_payouts(open_page: Open):
    app = open_page("ada", "analytics")

    assert figures(app) == {
        "Revenue, USD": "$140.00",
        "Platform fees": "$75.00",
        "Partner earnings": "$75.00",
        "Completed payouts": "$0.00",
        "Pending payouts": "$50.00",
    }


@pytest.mark.usefixtures("sold")
def test_the_revenue_chart_draws_what_the_card_says(open_page: Open):
    app = open_page("ada", "analytics")

    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    bars = next(trace for trace in spec["data"] if trace["type"] == "bar")
    assert bars["name"] == "Revenue"
    assert [text for text in bars["customdata"] if text != "$0.00"] == ["$40.00", "$100.00"]


@pytest.mark.usefixtures("sold")
def test_a_chart_gives_way_to_its_numbers_and_the_address_remembers(open_page: Open):
    app = open_page("ada", "analytics", revenue="table")

    assert not app.exception
    assert len(app.get("plotly_chart")) == 3  # status, balances, paid; nobody was paid, so no ranking either
    assert "$100.00" in app.dataframe[0].value.to_string()


@pytest.mark.usefixtures("sold")
def test_every_figure_says_what_it_counts_and_by_which_date(open_page: Open):
    app = open_page("ada", "analytics")

    assert "by the day of the sale" in words(app)
    assert all(metric.proto.help for metric in app.metric)
    assert "Days in UTC" in words(app)


@pytest.mark.usefixtures("sold")
def test_a_viewer_sees_codes_in_the_ranking(open_page: Open):
    assert "Mara" not in words(open_page("vera", "analytics", top="table"))


def test_nothing_in_the_period_says_what_to_do(open_page: Open):
    app = open_page("ada", "analytics")

    assert not app.exception
    assert "Nothing in this period" in words(app)
