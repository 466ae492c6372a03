from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import streamlit as st
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.account_codes import account_codes, set_account_codes
from core.programs import install_presets
from tests import builders
from tests.pages.dialogs import field
from tests.world import World, pending

Open = Callable[..., AppTest]
ADA = World().actor("ada")


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")


@pytest.fixture
def programs(desk: Engine, now: datetime) -> None:
    """The presets, and one affiliate with 40.00 in a payout that waits."""
    with desk.begin() as conn:
        install_presets(conn, now=now)
        pending(conn, [40_00], now=now)


@pytest.mark.usefixtures("programs")
class TestMonthEnd:
    def test_a_month_shows_what_is_owed_and_the_running_one_says_that_it_runs(
        self, open_page: Open, now: datetime
    ) -> None:
        app = open_page("vera", "month_end", month=f"{now:%Y-%m}", program="affiliate")

        assert not app.exception
        assert "so far." in words(app)
        assert "**Closing**" in app.table[1].value.to_string()
        labels = [one.proto.label for one in app.get("download_button")]
        assert labels == ["Roll-forward", "Journal", f"Year {now:%Y}"]

    def test_a_closed_month_is_taken_home_whole(self, open_page: Open, now: datetime) -> None:
        month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"
        app = open_page("vera", "month_end", month=month)

        assert not app.exception
        assert "Pack" in {one.proto.label for one in app.get("download_button")}

    def test_the_codes_of_the_companys_books_are_kept(self, desk: Engine, open_page: Open) -> None:
        app = open_page("ada", "month_end")
        next(button for button in app.button if button.label == "Account codes").click().run()
        field(app.text_input, "earnings").set_value("6300")
        app.button(key="codes-keep").click().run()

        assert not app.exception
        assert "1 account code changed." in words(app)
        with desk.connect() as conn:
            kept = conn.execute(
                text("SELECT account, code FROM account_code WHERE account = 'earnings'")
            ).one()
        assert tuple(kept) == ("earnings", "6300")

    def test_codes_kept_in_an_open_dialog_leave_those_a_colleague_gave_meanwhile(
        self, desk: Engine, open_page: Open, now: datetime
    ) -> None:
        app = open_page("ada", "month_end")
        next(button for button in app.button if button.label == "Account codes").click().run()
        with desk.begin() as conn:
            set_account_codes(conn, {"paid": "1200"}, actor=ADA, now=now)
        field(app.text_input, "earnings").set_value("6300")
        app.button(key="codes-keep").click().run()

        with desk.connect() as conn:
            codes = account_codes(conn)
        assert (codes["earnings"], codes["paid"], codes["fees"]) == ("6300", "1200", "fees")

    def test_a_viewer_is_offered_no_codes(self, open_page: Open) -> None:
        app = open_page("vera", "month_end")
        assert "Account codes" not in [button.label for button in app.button]

    def test_a_negative_closing_is_said_to_be_owed_to_us_and_leads_to_who_owes(
        self, desk: Engine, open_page: Open, now: datetime
    ) -> None:
        last = now.replace(day=1) - timedelta(days=1)
        plain = open_page("vera", "month_end", month=f"{last:%Y-%m}")
        with desk.begin() as conn:
            program = conn.execute(text("SELECT id FROM program WHERE code = 'reseller'")).scalar_one()
            owing = builders.partner(conn, program, "RS-1", released_to=now)
            builders.earning(conn, owing, -700, kind="manual", occurred_at=last - timedelta(days=9))
        st.cache_data.clear()

        app = open_page("vera", "month_end", month=f"{last:%Y-%m}")

        assert "A negative closing is what partners owe us" in words(plain)
        assert "Resellers: a negative closing is what partners owe us, and it is taken off the sum." in words(
            app
        )
        (link,) = [one.proto for one in app.get("page_link") if "How many owe" in one.proto.label]
        assert f"at={last:%Y-%m-%d}" in link.query_string
