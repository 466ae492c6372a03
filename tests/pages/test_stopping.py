from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.proposals import propose
from core.stops import Stop, current_stop, stop_sending
from pages.shared.desk import Person
from tests import builders
from tests.pages.dialogs import field
from tests.world import PEOPLE, pending

Open = Callable[..., AppTest]
WHY = "two transfers look wrong"


def actor(name: str) -> Actor:
    return Actor(name=f"user:{name}", channel="page", roles=frozenset(PEOPLE[name][1]))


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def standing(desk: Engine) -> Stop | None:
    with desk.connect() as conn:
        return current_stop(conn)


def proposals(desk: Engine) -> list[tuple[str, str, str | None, str | None]]:
    query = text("SELECT kind, made_by, decision, decided_by FROM proposal ORDER BY id")
    with desk.connect() as conn:
        return [(row.kind, row.made_by, row.decision, row.decided_by) for row in conn.execute(query)]


@pytest.fixture
def stopped(desk: Engine, now: datetime) -> Stop:
    with desk.begin() as conn:
        return stop_sending(conn, why=WHY, actor=actor("max"), now=now)


@pytest.fixture
def proposed(desk: Engine, now: datetime, stopped: Stop) -> int:
    with desk.begin() as conn:
        return propose(
            conn, "start_sending", ids=[stopped.id], why="looked at both", actor=actor("ada"), now=now
        )


@pytest.fixture
def absent(desk: Engine, now: datetime) -> int:
    """A payout whose transfer got no answer and was absent on three looks over an hour."""
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        builders.approve(conn, payout_id)
        builders.claim(conn, payout_id)
        builders.end_attempt(
            conn,
            payout_id,
            "unknown",
            first_sent_at=now - timedelta(hours=26),
            next_look_at=None,
            looks=5,
            absent_looks=3,
            absent_since=now - timedelta(hours=2),
            lease_until=now - timedelta(hours=1),
        )
    return payout_id


@pytest.mark.parametrize("page", ["overview", "queue", "partners", "operations"])
def test_every_page_says_who_stopped_sending_and_why(open_page: Open, stopped: Stop, page: str):
    app = open_page("vera", page)

    assert not app.exception
    assert stopped
    assert "Sending is stopped" in words(app)
    assert f"by max: {WHY}. Approvals go on; nothing leaves" in words(app)


def test_no_page_says_so_while_sending_goes_on(open_page: Open):
    assert "Sending is stopped" not in words(open_page("vera", "overview"))


def test_stopping_needs_a_reason(desk: Engine, open_page: Open):
    app = open_page("max", "operations")
    app.button(key="stop-sending").click().run()
    app.button(key="why-done").click().run()

    assert not app.exception
    assert standing(desk) is None
    assert "Say why" in words(app)


def test_one_person_with_a_reason_stops_sending(desk: Engine, open_page: Open):
    app = open_page("max", "operations")
    app.button(key="stop-sending").click().run()
    field(app.text_input, "two-people-reason").set_value(WHY)
    app.button(key="why-done").click().run()

    assert not app.exception
    stop = standing(desk)
    assert stop is not None
    assert (stop.stopped_by, stop.why) == ("user:max", WHY)
    assert "by max" in words(app)
    assert "stop-sending" not in keys(app)


def test_who_proposed_the_start_may_not_confirm_it(desk: Engine, open_page: Open, stopped: Stop):
    app = open_page("ada", "operations")
    app.button(key="start-sending").click().run()
    field(app.text_input, "two-people-reason").set_value("looked at both")
    app.button(key="why-done").click().run()

    assert proposals(desk) == [("start_sending", "user:ada", None, None)]
    assert standing(desk) == stopped
    assert "Your own proposal. May confirm it: Ben Okafor." in words(app)
    assert not [key for key in keys(app) if key.startswith(("confirm-", "refuse-"))]


def test_another_person_confirms_and_sending_is_on(desk: Engine, open_page: Open, proposed: int):
    app = open_page("ben", "operations")
    assert "looked at both" in words(app)
    app.button(key=f"confirm-{proposed}").click().run()

    assert not app.exception
    assert standing(desk) is None
    assert proposals(desk) == [("start_sending", "user:ada", "confirm", "user:ben")]
    assert "Sending is stopped" not in words(app)


def test_another_person_refuses_with_a_reason_and_sending_stays_stopped(
    desk: Engine, open_page: Open, stopped: Stop, proposed: int
):
    app = open_page("ben", "operations")
    app.button(key=f"refuse-{proposed}").click().run()
    field(app.text_input, "two-people-reason").set_value("the second one is still open")
    app.button(key="why-done").click().run()

    assert standing(desk) == stopped
    assert proposals(desk) == [("start_sending", "user:ada", "refuse", "user:ben")]


def test_a_viewer_sees_the_state_and_no_action(open_page: Open, absent: int, proposed: int):
    app = open_page("vera", "operations")

    assert "looked at both" in words(app)
    acting = {
        "stop-sending",
        "start-sending",
        f"confirm-{proposed}",
        f"refuse-{proposed}",
        f"absent-{absent}",
    }
    assert not acting & keys(app)


def test_a_forged_click_of_a_viewer_is_refused(desk: Engine, open_page: Open, stopped: Stop, proposed: int):
    app = open_page("ben", "operations")
    app.session_state["person"] = Person(name="vera", full_name="", roles=frozenset({"approver"}), epoch=0)
    app.session_state["username"] = "vera"
    app.button(key=f"confirm-{proposed}").click().run()

    assert standing(desk) == stopped
    assert proposals(desk) == [("start_sending", "user:ada", None, None)]
    assert "may not start sending" in words(app)


CODE = text("SELECT code FROM partner t JOIN payout p ON p.partner_id = t.id WHERE p.id = :id")


def test_proved_absent_takes_two_people_and_the_second_reads_whose_money_it_is(
    desk: Engine, open_page: Open, absent: int, status_of: Callable[[int], str]
):
    app = open_page("ada", "operations")
    app.button(key=f"absent-{absent}").click().run()
    field(app.text_input, "two-people-reason").set_value("not in their dashboard")
    app.button(key="why-done").click().run()
    assert not app.exception
    assert status_of(absent) == "processing"
    assert proposals(desk) == [("proved_absent", "user:ada", None, None)]

    app = open_page("ben", "operations")
    with desk.connect() as conn:
        code = conn.execute(CODE, {"id": absent}).scalar_one()
    assert f"$49.75 to {code}, attempt 1" in words(app).replace("\\", "")
    app.button(key="confirm-1").click().run()

    assert not app.exception
    assert status_of(absent) == "approved"


def test_the_overview_leads_the_second_person_to_operations(open_page: Open, proposed: int):
    def lines(name: str) -> set[str]:
        return {link.proto.label for link in open_page(name, "overview").get("page_link")}

    assert proposed
    assert {"Sending is stopped", "1 proposal to confirm or refuse"} <= lines("ben")
    assert "1 proposal to confirm or refuse" not in lines("ada")
    assert "1 proposal to confirm or refuse" not in lines("vera")
