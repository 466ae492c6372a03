from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests import builders
from tests.building.events import end_event, gap, told
from tests.pages.dialogs import field

Open = Callable[..., AppTest]


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYDESK_PROVIDER", "stripe")
    monkeypatch.setenv("STRIPE_ACCOUNT_ID", "acct_1Platform")


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def read(desk: Engine, at: datetime) -> None:
    with desk.begin() as conn:
        mark = {"provider": "stripe", "account": "", "until": at, "polled_at": at}
        builders.insert(conn, "event_watermark", mark)


def stuck(desk: Engine, now: datetime) -> None:
    with desk.begin() as conn:
        told(conn, created_at=now - timedelta(days=4), received_at=now - timedelta(days=4))
        end_event(conn, state="stuck", outcome="", ended_at=now, error="The payout is not paid")


def state(desk: Engine) -> str:
    with desk.connect() as conn:
        return str(conn.execute(text("SELECT state FROM provider_event")).scalar_one())


def test_a_desk_on_the_simulator_says_nothing_of_stripe(open_page: Open):
    assert "What Stripe tells" not in words(open_page("ada", "operations"))


@pytest.mark.usefixtures("stripe")
class TestCard:
    def test_says_when_all_is_well_in_one_line(self, desk: Engine, open_page: Open, now: datetime):
        read(desk, now - timedelta(seconds=40))
        app = open_page("vera", "operations")

        assert not app.exception
        assert "What Stripe tells" in words(app)
        assert "Up to date" in words(app)
        assert "events-again" not in keys(app)

    def test_says_that_the_list_was_not_read_lately_and_what_was_missed(
        self, desk: Engine, open_page: Open, now: datetime
    ):
        read(desk, now - timedelta(hours=3))
        with desk.begin() as conn:
            gap(conn, since=now - timedelta(days=40), until=now - timedelta(days=30), found_at=now)
        app = open_page("vera", "operations")

        assert "Not read lately" in words(app)
        assert "reconcile finds transfers, payments and refunds come by import" in words(app)

    def test_shows_what_is_stuck_and_why_and_an_operator_has_it_tried_again(
        self, desk: Engine, open_page: Open, now: datetime
    ):
        read(desk, now)
        stuck(desk, now)
        assert "events-again" not in keys(open_page("vera", "operations"))
        app = open_page("ada", "operations")
        assert "1 stuck" in words(app)
        (table,) = [table.value for table in app.table if "Why it is stuck" in table.value.columns]
        assert list(table["Why it is stuck"]) == ["The payout is not paid"]

        app.button(key="events-again").click().run()
        field(app.text_input, "two-people-reason").set_value("the payout is recorded now")
        app.button(key="why-done").click().run()

        assert not app.exception
        assert state(desk) == "waiting"
        assert "1 event will be tried again" in words(app)
