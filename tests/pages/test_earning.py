"""One earning's page: why it is this much, where it comes from, and a calm answer when there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests import builders
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


def test_an_earning_in_no_payout_leads_to_what_keeps_it_and_one_in_a_payout_says_its_fee(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        query = text("SELECT i.earning_id, p.partner_id, r.code FROM payout_item i JOIN payout p ON p.id = i.payout_id"
                     " JOIN partner r ON r.id = p.partner_id WHERE p.id = :id")  # fmt: skip
        inside, partner_id, code = conn.execute(query, {"id": payout_id}).one()
        waiting = builders.earning(conn, partner_id, 700)

    origin = open_page("ada", "earning", id=str(waiting)).table[1]
    assert "In no payout yet" in set(origin.value["name"])
    assert f"(/partner?code={code})" in str(origin.proto)
    payouts = open_page("ada", "earning", id=str(inside)).table[-1].value
    assert {"Whole payout", "Its fee"} <= set(payouts.columns)
