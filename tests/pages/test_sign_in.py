"""Who comes in: the form for strangers, nothing behind it, and accounts that count no more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from core.sign_in import session_state
from core.users import disable_user
from tests.pages.conftest import Open
from tests.world import HOST, PASSWORD


def submit(app: AppTest, name: str, password: str) -> AppTest:
    app.text_input[0].input(name)
    app.text_input[1].input(password)
    return app.button[0].click().run()


def is_in(app: AppTest) -> bool:
    return "Sign out" in [button.label for button in app.button]


def test_a_stranger_gets_the_form_and_nothing_of_the_page(open_page: Open):
    app = open_page(None, "queue")
    assert [field.label for field in app.text_input] == ["Name", "Password"]
    assert not app.dataframe
    assert not app.metric


def test_the_right_password_leads_to_the_page_that_was_asked_for(open_page: Open):
    app = submit(open_page(None, "queue", view="paid"), "ada", PASSWORD)
    assert is_in(app)
    assert "# Payout queue" in [text.value for text in app.markdown]


def test_a_wrong_password_is_counted_and_the_fifth_locks(desk: Engine, open_page: Open, now: datetime):
    app = open_page(None, "queue")
    for _ in range(5):
        app = submit(app, "ada", "not her password")
    assert "Too many" in app.info[0].value
    with desk.connect() as conn:
        found = session_state(conn, "ada")
    assert found is not None
    assert found.locked_until is not None
    assert found.locked_until > now
    assert not is_in(submit(app, "ada", PASSWORD))


def test_a_closed_account_is_out_at_its_next_click(desk: Engine, open_page: Open, now: datetime):
    app = open_page("ada", "queue")
    assert is_in(app)
    with desk.begin() as conn:
        disable_user(conn, "ada", actor=HOST, now=now)
    assert not is_in(app.run())


def test_signing_out_ends_every_session_of_that_person(open_page: Open):
    here, elsewhere = open_page("ada", "queue"), open_page("ada", "queue")
    next(button for button in here.button if button.label == "Sign out").click().run()
    assert not is_in(here)
    assert not is_in(elsewhere.run())
