"""As of: the address says the instant, the page what stood then, and names stay masked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from tests.world import pending

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def tables(app: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in app.table)


def test_a_payout_is_there_from_the_moment_it_was_queued(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now, name="Zora Blum")

    queued = open_page("ada", "as_of", at=(now - timedelta(hours=1)).isoformat())
    before = open_page("ada", "as_of", at=(now - timedelta(days=40)).isoformat())

    assert not queued.exception
    assert f"[{payout_id}](/payout?id={payout_id})" in tables(queued)
    assert "Zora Blum" in tables(queued)
    assert not before.exception
    assert f"[{payout_id}](/payout?id={payout_id})" not in tables(before)


def test_an_instant_to_come_or_none_is_never_shown(open_page: Open, now: datetime):
    for at in ("", "nonsense", (now + timedelta(days=9)).isoformat()):
        app = open_page("ada", "as_of", at=at)
        assert not app.exception
        shown = app.date_input(key="as-of-day").value
        assert isinstance(shown, date)
        assert shown <= now.date() + timedelta(days=1)


def test_a_viewer_sees_codes_and_no_names(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now, name="Zora Blum")
    app = open_page("vera", "as_of", at=now.isoformat())

    assert not app.exception
    assert "Zora" not in tables(app)
    assert "By program" in words(app)
