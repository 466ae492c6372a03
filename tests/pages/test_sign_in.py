"""Who comes in: the form for strangers, nothing behind it, and accounts that count no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.decisions import Wanted
from core.sign_in import record_seen, session_state
from core.steering import set_priority
from core.users import disable_user, list_users, set_roles
from pages.shared import nav
from pages.shared.decisions import RESULT, TOKENS
from pages.shared.desk import PERSON, SEEN, Person
from pages.shared.sign_in import CLOSED, EPOCH, IDLE_TOO_LONG
from tests.pages.conftest import Open
from tests.world import HOST, PASSWORD, pending

DRAWN = "payout_drawn"


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
    assert "# Payout queue" in [shown.value for shown in app.markdown]


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


@pytest.mark.parametrize("said", ["closed", "has ended"])
def test_a_page_left_open_ends_by_itself_once_its_session_counts_no_more(
    said: str, desk: Engine, open_page: Open, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """What looks after the page each minute finds it; here it is the same run that had begun as hers."""
    draw = nav.sidebar

    def ended(person: Person) -> None:
        monkeypatch.setattr(nav, "sidebar", draw)
        with desk.begin() as conn:
            if said == "closed":
                disable_user(conn, "ada", actor=HOST, now=now)
            else:
                set_roles(conn, "ada", ["viewer"], actor=HOST, now=now)
        draw(person)

    monkeypatch.setattr(nav, "sidebar", ended)
    app = open_page("ada", "queue")
    assert not is_in(app)
    assert said in app.info[0].value


def test_why_a_session_ended_stands_until_somebody_signs_in(desk: Engine, open_page: Open, now: datetime):
    """A browser runs the page once more by itself, for its cookie or for what was on its way when the session ended."""
    app = open_page("ada", "queue")
    with desk.begin() as conn:
        disable_user(conn, "ada", actor=HOST, now=now)
    for _ in range(2):
        app = app.run()
        assert [shown.value for shown in app.info] == [CLOSED]
    app = submit(app, "vera", "not her password")
    assert [shown.value for shown in app.info] == ["Name and password do not match."]
    app = submit(app, "vera", PASSWORD)
    assert is_in(app)
    app.session_state["seen_at"] = now - timedelta(minutes=61)
    assert [shown.value for shown in app.run().info] == [IDLE_TOO_LONG]


@pytest.mark.parametrize("how", ["signs out", "closed", "idle"])
def test_who_signs_in_next_finds_nothing_of_the_person_before(
    how: str, desk: Engine, open_page: Open, now: datetime
):
    ben = Actor(name="user:ben", channel="page", roles=frozenset({"approver"}))
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now, name="Ana Silva")
    app = open_page("ada", "payout", id=str(payout))
    with desk.begin() as conn:
        set_priority(conn, [Wanted(id=payout)], priority="high", actor=ben, now=now)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert any("Ana Silva" in shown.value for shown in app.markdown)
    if how == "signs out":
        app = next(button for button in app.button if button.label == "Sign out").click().run()
    elif how == "closed":
        with desk.begin() as conn:
            disable_user(conn, "ada", actor=HOST, now=now)
        app = app.run()
    else:
        app.session_state["seen_at"] = now - timedelta(minutes=61)
        app = app.run()
    assert not is_in(app)
    kept = (RESULT, TOKENS, DRAWN, SEEN, PERSON, EPOCH)
    assert not [name for name in kept if name in app.session_state]
    app = submit(app, "vera", PASSWORD)
    assert is_in(app)
    assert not any("Ana Silva" in shown.value for shown in app.markdown)


def test_a_session_left_alone_ends_and_who_signs_in_again_is_where_they_were(open_page: Open, now: datetime):
    app = open_page("ada", "queue", view="paid", method="paypal")
    app.session_state["seen_at"] = now - timedelta(minutes=61)
    app = app.run()
    assert not is_in(app)
    assert "without a click" in app.info[0].value
    app = submit(app, "ada", PASSWORD)
    assert is_in(app)
    assert "# Payout queue" in [shown.value for shown in app.markdown]
    assert (app.query_params["view"], app.query_params["method"]) == ("paid", "paypal")


def test_the_first_click_after_a_session_was_left_alone_decides_nothing(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    app.session_state["seen_at"] = now - timedelta(minutes=61)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert not is_in(app)
    with desk.connect() as conn:
        assert conn.execute(text("SELECT status FROM payout")).scalar_one() == "pending"


def test_who_is_at_work_is_last_seen_then_and_not_at_their_sign_in(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        record_seen(conn, "ada", now=now - timedelta(minutes=20))
    open_page("ada", "queue")
    with desk.connect() as conn:
        (seen,) = [user.last_seen_at for user in list_users(conn) if user.name == "ada"]
    assert seen is not None
    assert seen >= now
