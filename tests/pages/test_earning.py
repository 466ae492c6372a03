"""One earning's page: why it is this much, where it comes from, and a calm answer when there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests.world import pending

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def test_an_earning_says_why_and_leads_to_its_payout(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now, name="Zora Blum")
        query = text("SELECT earning_id FROM payout_item WHERE payout_id = :id")
        earning_id = conn.execute(query, {"id": payout_id}).scalar_one()
    app = open_page("ada", "earning", id=str(earning_id))

    assert not app.exception
    assert "$50.00" in words(app)
    assert f"[Payout {payout_id}](/payout?id={payout_id})" in words(app)
    assert "Zora" not in "\n".join(
        table.value.to_string() for table in open_page("vera", "earning", id=str(earning_id)).table
    )


def test_a_number_that_names_none_says_so(open_page: Open):
    app = open_page("ada", "earning", id="999999")
    assert not app.exception
    assert "No such earning" in words(app)
