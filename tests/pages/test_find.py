"""The search box: one thing opens at once, several are listed by kind, nothing says what can be searched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from pages.shared.nav import FIND
from tests import builders
from tests.world import pending

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def tables(app: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in app.table)


def test_what_is_found_is_listed_by_kind_and_says_by_what(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        first = pending(conn, [5_000], now=now, name="Zora Blum")
        pending(conn, [5_000], now=now, name="Zora Klein")
    app = open_page("ada", "find", q="zora")

    assert not app.exception
    assert "2 things are called so" in words(app)
    assert "Zora Blum" in tables(app)
    assert "by name" in tables(app)

    app = open_page("ada", "find", q=f"#{first}")
    assert f"[{first}](/payout?id={first})" in tables(app)


def test_a_viewer_finds_nobody_by_name_and_is_told_so(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now, name="Zora Blum")
    app = open_page("vera", "find", q="zora")

    assert not app.exception
    assert "Nothing is called so" in words(app)
    assert "Names, emails and accounts are not yours to see" in words(app)


def test_a_customers_page_leads_to_their_partner_and_their_payouts(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now, name="Zora Blum")
        partner_id = int(
            conn.exec_driver_sql(f"SELECT partner_id FROM payout WHERE id = {payout_id}").scalar_one()  # noqa: S608
        )
        customer_id = builders.customer(conn, partner_id, signed_up_at=now)
        builders.earning(conn, partner_id, 700, customer_id=customer_id, source_ref="order-9")
    app = open_page("ada", "customer", id=str(customer_id))

    assert not app.exception
    assert "$7.00" in {metric.value for metric in app.metric}
    assert "order\\-9" in tables(app)

    assert "No such customer" in words(open_page("ada", "customer", id="999999"))


@pytest.mark.parametrize("page", ["find", "overview", "analytics", "audit"])
def test_the_box_stands_on_every_page_and_one_thing_opens_at_once(
    desk: Engine, open_page: Open, now: datetime, page: str
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now, name="Zora Blum")
        pending(conn, [6_000], now=now, name="Ben Blum")
    app = open_page("ada", page)
    app.text_input(key=FIND).set_value(f"#{payout_id}").run()
    assert not app.exception
    assert app.query_params["id"] == str(payout_id)
    assert "# $49.75 to Zora Blum" in words(app).replace("\\", "")

    app = open_page("ada", page)
    app.text_input(key=FIND).set_value("zora").run()
    assert "# Zora Blum" in words(app)

    app = open_page("ada", page)
    app.text_input(key=FIND).set_value("blum").run()
    assert "2 things are called so" in words(app)
