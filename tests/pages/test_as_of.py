"""As of: the address says the instant, the page what stood then, and names stay masked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, text
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from pages.shared import past_day
from tests import builders
from tests.world import pending

Open = Callable[..., AppTest]
ZONE = UTC  # a browser that does not say


def shown(table: Any) -> pd.DataFrame:  # noqa: ANN401 - an element of AppTest
    """A table as it is read: figures that are aligned right stand in what is displayed."""
    given = convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)
    return given.set_axis(table.value.columns, axis="columns")


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


def written(app: AppTest) -> str:
    return str(app.session_state["as-of-at"])


def test_an_instant_to_come_or_none_is_never_shown(open_page: Open, now: datetime):
    yesterday = now.astimezone(ZONE).date() - timedelta(days=1)
    for at in ("", "nonsense", "9999-12-31", (now + timedelta(days=9)).isoformat(), "0001-01-01"):
        app = open_page("ada", "as_of", at=at)
        assert not app.exception
        told = datetime.fromisoformat(written(app))
        assert told.date() <= yesterday + timedelta(days=1)
        if at in ("", "nonsense"):
            assert told.date() == yesterday


def test_a_day_alone_is_the_end_of_that_day_and_says_so(desk: Engine, open_page: Open, now: datetime):
    day = now.astimezone(ZONE).date() - timedelta(days=3)
    noon = datetime.combine(day, time(12), ZONE)
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=noon + timedelta(hours=26), name="Zora Blum")

    whole = open_page("ada", "as_of", at=day.isoformat())
    midday = open_page("ada", "as_of", at=noon.isoformat())

    assert f"/payout?id={payout_id})" in tables(whole)
    assert "at the end of" in words(whole)
    assert "the whole day included" in words(whole)
    assert f"/payout?id={payout_id})" not in tables(midday)
    assert "the whole day included" not in words(midday)


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("2026-10-31", "2026-10-31"),
        ("31 Oct 2026", "2026-10-31"),
        ("End of Sat 31 Oct 2026", "2026-10-31"),
        ("2026-10-31 14:30", "2026-10-31T14:30:00"),
    ],
)
def test_what_is_typed_is_the_day_shown(open_page: Open, typed: str, at: str):
    told = past_day.told(typed)
    assert told is not None
    assert told.isoformat() == at
    assert "31 Oct 2026" in words(open_page("ada", "as_of", at=told.isoformat()))


def test_what_is_no_day_is_said_and_the_figures_stay(open_page: Open):
    assert past_day.told("the day before") is None
    app = open_page("ada", "as_of", at="2026-10-31")
    app.session_state["as-of-fault"] = "the day before"
    app.run()
    assert not app.exception
    assert "the day before is no day" in words(app)
    assert written(app) == "2026-10-31"
    assert "is no day" not in words(app.run())


def test_the_end_of_last_month_is_one_click_away(open_page: Open, now: datetime):
    app = open_page("ada", "as_of")
    app.button(key="as-of-month").click().run()
    last = now.astimezone(ZONE).date().replace(day=1) - timedelta(days=1)
    assert not app.exception
    assert last.isoformat() in app.query_params["at"]
    assert written(app) == last.isoformat()
    assert f"{last.day} {last:%b %Y}" in words(app)


def test_owed_is_held_available_and_reserved_and_every_currency_has_its_sum(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now)
        program = conn.execute(text("SELECT id FROM program WHERE code = 'reseller'")).scalar_one()
        owing = builders.partner(conn, program, "RS-1", released_to=now)
        builders.earning(conn, owing, -700, kind="manual", occurred_at=now)

    app = open_page("ada", "as_of", at=(now + timedelta(minutes=1)).isoformat())

    assert not app.exception
    programs, partners = (table.value for table in app.table[:2])
    sums = {
        str(row["Program"]).split(" :small")[0]: str(row["Owed"]) for _, row in shown(app.table[0]).iterrows()
    }
    assert sums["**All, USD**"] == "**$43.00**"
    assert sums["**All, EUR**"] == "**€0.00**"
    assert (list(programs.columns), "Owed" in partners.columns) == (
        ["Program", "Held", "Available", "Reserved", "Owed", "Paid", "Fees", "Payouts"],
        True,
    )
    assert "1 partner owes us $7.00: it is taken off what is owed." in words(app)


def test_a_viewer_sees_codes_and_no_names(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now, name="Zora Blum")
    app = open_page("vera", "as_of", at=now.isoformat())

    assert not app.exception
    assert "Zora" not in tables(app)
    assert "By program" in words(app)
