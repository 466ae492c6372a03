from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests import builders

Open = Callable[..., AppTest]


@pytest.fixture
def partners(desk: Engine, now: datetime) -> Engine:
    """Mara (USD, $50 available), Chiara (EUR, €70, suspended), Felix (USD, owes $5)."""
    with desk.begin() as conn:
        programs = {row.code: row.id for row in conn.execute(text("SELECT code, id FROM program"))}
        mara = builders.partner(conn, programs["affiliate"], "AF-1", name="Mara Lindqvist", released_to=now)
        chiara = builders.partner(
            conn, programs["creator"], "CR-1", name="Chiara Okafor", status="suspended", released_to=now
        )
        felix = builders.partner(conn, programs["affiliate"], "AF-2", name="Felix Adler", released_to=now)
        builders.earning(conn, mara, 5_000)
        builders.earning(conn, chiara, 7_000)
        builders.earning(conn, felix, -500, kind="deduction")
    return desk


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["code"])


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


@pytest.mark.usefixtures("partners")
def test_partners_come_with_their_balances_and_what_keeps_the_money(open_page: Open):
    app = open_page("ada", "partners")

    assert not app.exception
    found = {str(row["code"]): row for row in app.dataframe[0].value.to_dict("records")}
    assert list(found) == ["CR-1", "AF-1", "AF-2"]  # most available first
    assert found["AF-1"]["available"].strip() == "$50.00"
    assert found["AF-2"]["available"].strip() == "−$5.00"
    assert list(found["CR-1"]["why"]) == ["Suspended"]
    assert list(found["AF-2"]["why"]) == ["Owes us"]


@pytest.mark.usefixtures("partners")
def test_totals_stand_by_currency_and_are_never_added(open_page: Open):
    app = open_page("ada", "partners")

    assert figures(app)["Available, USD"] == "$45.00"
    assert app.metric[0].proto.delta_description == "and €70.00"


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"search": "mara"}, ["AF-1"]),
        ({"search": "AF-"}, ["AF-1", "AF-2"]),
        ({"program": "creator"}, ["CR-1"]),
        ({"status": "suspended"}, ["CR-1"]),
        ({"sort": "code"}, ["AF-1", "AF-2", "CR-1"]),
        ({"program": "no such program", "sort": "nonsense"}, ["CR-1", "AF-1", "AF-2"]),
    ],
)
@pytest.mark.usefixtures("partners")
def test_the_address_says_which_partners_are_shown(open_page: Open, query: dict[str, str], codes: list[str]):
    assert shown(open_page("ada", "partners", **query)) == codes


@pytest.mark.usefixtures("partners")
def test_a_filter_moves_into_the_address(open_page: Open):
    app = open_page("ada", "partners")
    app.selectbox(key="partners-program").set_value("creator").run()

    assert app.query_params["program"] == "creator"
    assert shown(app) == ["CR-1"]


@pytest.mark.usefixtures("partners")
def test_a_viewer_sees_codes_and_finds_nobody_by_name(open_page: Open):
    app = open_page("vera", "partners")
    assert "partner" not in app.dataframe[0].value.columns

    app = open_page("vera", "partners", search="mara")
    assert "No partner matches" in words(app)


@pytest.mark.usefixtures("partners")
def test_nobody_found_repeats_the_filters_and_clears_them(open_page: Open):
    app = open_page("ada", "partners", search="nobody at all")
    assert "nobody at all" in words(app)

    next(button for button in app.button if button.label == "Clear filters").click().run()

    assert "search" not in app.query_params
    assert len(shown(app)) == 3


@pytest.mark.usefixtures("partners")
def test_a_click_on_a_row_opens_that_partner(open_page: Open):
    app = open_page("ada", "partners")
    app.session_state["partner-to-open"] = "CR-1"
    app.run()

    assert not app.exception
    assert "# Chiara Okafor" in words(app)


def test_a_desk_without_partners_says_how_they_come(open_page: Open):
    app = open_page("ada", "partners")

    assert "No partner yet" in words(app)
    assert "Import page" in words(app)
