"""What a person reads when a page cannot be drawn: a sentence of the desk, never one of Streamlit, and nothing of the fault."""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future
from datetime import datetime
from uuid import uuid4

import psycopg
import pytest
import streamlit as st
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.users import disable_user
from pages.shared import decisions, faults
from tests.away import away
from tests.pages.conftest import Open
from tests.world import HOST, pending

TELL = faults.tell
REFERENCE = re.compile(r"eference ([0-9a-f]{8})")


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, what_cannot_be_drawn_is_a_fault_of_the_test: None) -> None:  # noqa: ARG001
    """Here faults are told as they are to people."""
    monkeypatch.setattr(faults, "tell", TELL)


def shown(app: AppTest) -> str:
    assert not app.exception
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def sign_out(app: AppTest) -> AppTest:
    return next(one for one in app.button if one.label == "Sign out").click().run()


def test_a_database_that_does_not_answer_is_said_so_and_the_page_comes_back_where_it_was(
    open_page: Open, server_url: str, database: str
) -> None:
    with away(server_url, database) as comes_back:
        app = open_page("ada", "queue", view="all")
        assert "The database does not answer" in shown(app)
        assert "nothing is sent twice" in shown(app)
        comes_back()
        app.run()
        assert "Payout queue" in shown(app)
        assert "The database does not answer" not in shown(app)
        assert app.query_params["view"] in ("all", ["all"])


def test_who_signs_out_while_the_database_does_not_answer_reads_that_they_are_still_signed_in(
    open_page: Open, server_url: str, database: str
) -> None:
    app = open_page("ada", "queue")
    with away(server_url, database) as comes_back:
        app = sign_out(app)
        assert "The database does not answer" in shown(app)
        comes_back()
        assert "You are still signed in." in shown(app.run())
    assert "Name" in {field.label for field in sign_out(app).text_input}


def test_who_signs_out_of_an_account_that_was_closed_meanwhile_is_out(
    open_page: Open, desk: Engine, now: datetime
) -> None:
    app = open_page("ada", "queue")
    with desk.begin() as conn:
        disable_user(conn, "ada", actor=HOST, now=now)
    app = sign_out(app)
    assert not app.exception
    assert "Name" in {field.label for field in app.text_input}


def test_a_click_while_the_one_before_cannot_be_told_is_not_done_and_says_so(
    open_page: Open, desk: Engine, now: datetime, server_url: str, database: str
) -> None:
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    over: Future[None] = Future()
    over.set_result(None)
    app.session_state[decisions.ON_ITS_WAY] = ("note", uuid4(), over)
    with away(server_url, database) as comes_back:
        app = app.button(key=f"do_approve_{payout}").click().run()
        assert "The database does not answer" in shown(app)
        comes_back()
        assert "Something went wrong" in shown(app.run())
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM approval")).scalar() == 0


def test_a_fault_of_a_page_has_a_reference_that_leads_to_it_in_the_log_and_says_nothing_of_it(
    open_page: Open, desk: Engine, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON partner FROM paydesk_app")
        with caplog.at_level(logging.ERROR, faults.__name__):
            app = open_page("ada", "partners")
        assert "This page cannot be drawn" in shown(app)
        assert "permission" not in shown(app)
        (reference,) = REFERENCE.findall(shown(app))
        (told,) = [one for one in caplog.records if reference in one.getMessage()]
        assert told.exc_info is not None
        assert "permission denied" in str(told.exc_info[1])

        owner.execute("GRANT SELECT ON partner TO paydesk_app")
    app.button(key="try-again").click().run()
    assert "This page cannot be drawn" not in shown(app)
    assert "Partners" in shown(app)
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM payout")).scalar() == 0


def test_a_part_that_cannot_be_drawn_says_so_in_a_line_and_the_page_around_it_stays(
    open_page: Open, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON difference FROM paydesk_app")
    app = open_page("ada", "operations")
    assert "This part cannot be drawn. Reference" in shown(app)
    assert "This page cannot be drawn" not in shown(app)
    assert "Sending" in shown(app)


def test_a_dialog_that_cannot_be_drawn_says_so_in_a_line_and_the_page_behind_it_stays(
    open_page: Open, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON account_code FROM paydesk_app")
    app = open_page("ada", "month_end")
    next(button for button in app.button if button.label == "Account codes").click().run()
    assert "This dialog cannot be drawn. Reference" in shown(app)
    assert "This page cannot be drawn" not in shown(app)
    assert "What was owed, what moved it" in shown(app)


def test_a_database_that_is_empty_says_what_to_run(open_page: Open, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP TABLE app_user CASCADE")
    assert "python -m jobs db migrate" in shown(open_page("ada", "queue"))


def test_a_setting_that_does_not_hold_is_named_in_the_log_and_not_to_whoever_opens_the_page(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    st.cache_resource.clear()
    with monkeypatch.context() as broken:
        broken.setenv("PAYDESK_ENV", "sesame")
        app = open_page("ada", "queue")
    assert "set up wrongly" in shown(app)
    assert "sesame" not in shown(app)
    assert "PAYDESK_ENV" not in shown(app)
    assert "PAYDESK_ENV" in caplog.text
