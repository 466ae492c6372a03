from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.partner_edits import add_partner, edit_partner
from core.programs import install_presets
from tests.pages.dialogs import field
from tests.world import PEOPLE

Open = Callable[..., AppTest]
MAX = Actor(name="user:max", channel="page", roles=frozenset(PEOPLE["max"][1]))
FIELDS = {
    "program": "affiliate",
    "code": "AFF1",
    "name": "Ana Silva",
    "currency": "USD",
    "method": "stripe",
    "stripe_account_id": "acct_1",
    "joined_on": "2026-01-05",
    "status": "active",
}


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join([*said, *(one.value for one in app.warning)]).replace("\\", "")


def choose(app: AppTest, line: str) -> AppTest:
    app.menu_button(key="partner-menu").click(line).run()
    return app


def partners(desk: Engine) -> list[tuple[str, str, str | None]]:
    query = text("""SELECT p.code, p.status, d.account FROM partner p LEFT JOIN destination d ON d.id = p.destination_id
                     ORDER BY p.id""")
    with desk.connect() as conn:
        return [(row.code, row.status, row.account) for row in conn.execute(query)]


@pytest.fixture
def ana(desk: Engine, now: datetime) -> str:
    """An affiliate paid by Stripe."""
    with desk.begin() as conn:
        install_presets(conn, now=now)
        add_partner(conn, FIELDS, actor=MAX, now=now)
    return "AFF1"


@pytest.mark.usefixtures("ana")
class TestByHand:
    def test_a_partner_is_added_and_what_cannot_be_is_said_in_the_dialog(
        self, desk: Engine, open_page: Open
    ) -> None:
        app = open_page("max", "partners")
        next(button for button in app.button if button.label == "Add a partner").click().run()
        field(app.selectbox, "partner-field-program").set_value("affiliate")
        field(app.text_input, "partner-field-name").set_value("Bo Lind")
        field(app.text_input, "partner-field-code").set_value("not a code")
        app.button(key="partner-add").click().run()
        assert "is not a code" in words(app)
        assert len(partners(desk)) == 1

        next(button for button in app.button if button.label == "Add a partner").click().run()
        field(app.selectbox, "partner-field-program").set_value("affiliate")
        field(app.text_input, "partner-field-name").set_value("Bo Lind")
        field(app.text_input, "partner-field-code").set_value("AFF2")
        field(app.text_input, "partner-field-stripe_account_id").set_value("acct_2")
        app.button(key="partner-add").click().run()

        assert not app.exception
        assert "Bo Lind is a partner." in words(app)
        assert partners(desk)[1] == ("AFF2", "active", "acct_2")

    def test_the_state_of_a_partner_changes_with_a_reason(self, desk: Engine, open_page: Open) -> None:
        app = choose(open_page("max", "partner", code="AFF1"), "Edit the details")
        field(app.selectbox, "partner-field-status").set_value("suspended")
        field(app.text_input, "partner-field-why").set_value("asked by letter")
        app.button(key="partner-edit").click().run()

        assert not app.exception
        assert "AFF1 is changed." in words(app)
        assert partners(desk)[0][1] == "suspended"

    def test_only_what_was_changed_in_the_form_is_changed_a_suspension_made_meanwhile_stays(
        self, desk: Engine, open_page: Open, now: datetime
    ) -> None:
        app = choose(open_page("max", "partner", code="AFF1"), "Edit the details")
        with desk.begin() as conn:
            edit_partner(conn, "AFF1", {"status": "suspended"}, why="fraud", actor=MAX, now=now)
        field(app.text_input, "partner-field-country").set_value("PT")
        field(app.text_input, "partner-field-why").set_value("asked by letter")
        app.button(key="partner-edit").click().run()

        assert "AFF1 is changed." in words(app)
        assert partners(desk)[0][1] == "suspended"

    def test_a_new_destination_waits_for_a_second_person_who_sees_what_it_is(
        self, desk: Engine, open_page: Open
    ) -> None:
        before = partners(desk)[0][2]
        app = choose(open_page("max", "partner", code="AFF1"), "Change the destination")
        field(app.text_input, "partner-field-stripe_account_id").set_value("acct_new")
        field(app.text_input, "partner-field-why").set_value("told by phone")
        app.button(key="partner-move").click().run()
        assert not app.exception
        assert "proposed" in words(app)
        assert partners(desk)[0][2] == before

        other = open_page("ben", "operations")
        assert "AFF1: from stripe to stripe, acct_new" in words(other)
        next(button for button in other.button if str(button.key).startswith("confirm-")).click().run()

        assert not other.exception
        assert partners(desk)[0][2] == "acct_new"

    def test_a_viewer_is_offered_none_of_it(self, open_page: Open) -> None:
        assert "Add a partner" not in [button.label for button in open_page("vera", "partners").button]
        assert len(open_page("vera", "partner", code="AFF1").menu_button) == 0
