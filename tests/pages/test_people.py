from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.sign_in import password_fits
from core.users import add_user, read_user, set_roles
from tests.pages.dialogs import field
from tests.world import HOST, PASSWORD

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join([*said, *(one.value for one in app.warning)]).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


@pytest.fixture
def alma(desk: Engine, now: object) -> str:
    """Somebody who manages people."""
    with desk.begin() as conn:
        add_user(conn, "alma", PASSWORD, ["admin"], actor=HOST, now=now, rounds=4)  # type: ignore[arg-type]
    return "alma"


class TestPeople:
    def test_everybody_sees_who_may_sign_in_and_only_an_admin_may_change_it(
        self, open_page: Open, alma: str
    ) -> None:
        seen = open_page("vera", "people")
        assert not seen.exception
        assert "Ada Lindqvist" in seen.table[0].value.to_string()
        assert "Add a person" not in [button.label for button in seen.button]

        assert "Add a person" in [button.label for button in open_page(alma, "people").button]

    def test_the_sidebar_says_a_name_as_it_is_written(
        self, desk: Engine, open_page: Open, now: datetime
    ) -> None:
        with desk.begin() as conn:
            add_user(
                conn, "lia", PASSWORD, ["viewer"], actor=HOST, now=now, rounds=4, full_name="Lia [*Sales*](x)"
            )
        said = [one.value for one in open_page("lia", "people").sidebar.markdown]
        assert r"**:small[Lia \[\*Sales\*\]\(x\)]**" in said

    def test_a_person_is_added_with_roles_and_a_first_password(
        self, desk: Engine, open_page: Open, alma: str
    ) -> None:
        app = press(open_page(alma, "people"), "Add a person")
        field(app.text_input, "people-full-name").set_value("Nina Roth")
        field(app.text_input, "people-name").set_value("nina")
        field(app.multiselect, "people-roles").set_value(["maker"])
        first = field(app.text_input, "people-password").value
        app.button(key="people-go").click().run()

        assert not app.exception
        assert "Nina Roth may sign in." in words(app)
        with desk.begin() as conn:
            assert read_user(conn, "nina").roles == ("maker",)
            at = conn.execute(text("SELECT now()")).scalar_one()
            assert first
            assert password_fits(conn, "nina", first, now=at)

    def test_what_cannot_be_is_said_in_the_dialog_and_nobody_is_added(
        self, desk: Engine, open_page: Open, alma: str
    ) -> None:
        app = press(open_page(alma, "people"), "Add a person")
        field(app.text_input, "people-name").set_value("Nina Roth!")
        field(app.multiselect, "people-roles").set_value(["maker"])
        app.button(key="people-go").click().run()

        assert "A user name has 1 to 63" in words(app)
        with desk.connect() as conn:
            assert conn.execute(text("SELECT count(*) FROM app_user")).scalar_one() == 5

    def test_roles_change_for_another_and_never_for_oneself(
        self, desk: Engine, open_page: Open, alma: str
    ) -> None:
        app = open_page(alma, "people")
        app.selectbox(key="people-one").set_value("ben").run()
        app = press(app, "Roles")
        field(app.multiselect, "people-roles").set_value(["viewer"])
        app.button(key="people-go").click().run()
        assert "Ben Okafor is now viewer." in words(app)

        own = open_page(alma, "people")
        own.selectbox(key="people-one").set_value(alma).run()
        own = press(own, "Roles")
        field(own.multiselect, "people-roles").set_value(["admin", "approver"])
        own.button(key="people-go").click().run()

        assert "Nobody changes their own roles" in words(own)
        with desk.connect() as conn:
            assert read_user(conn, "ben").roles == ("viewer",)
            assert read_user(conn, alma).roles == ("admin",)

    def test_roles_a_colleague_took_away_meanwhile_are_not_given_back_by_an_open_dialog(
        self, desk: Engine, open_page: Open, now: datetime, alma: str
    ) -> None:
        app = open_page(alma, "people")
        app.selectbox(key="people-one").set_value("ada").run()
        app = press(app, "Roles")
        with desk.begin() as conn:
            set_roles(conn, "ada", ["operator"], actor=HOST, now=now)
        field(app.multiselect, "people-roles").set_value(["approver", "operator", "maker"])
        app.button(key="people-go").click().run()

        assert "The roles of ada have changed since you looked" in words(app)
        with desk.connect() as conn:
            assert read_user(conn, "ada").roles == ("operator",)

    def test_a_disabled_person_is_out_at_once_and_may_be_let_in_again(
        self, desk: Engine, open_page: Open, alma: str
    ) -> None:
        app = open_page(alma, "people")
        app.selectbox(key="people-one").set_value("ben").run()
        app = press(app, "Disable")
        assert "Ben Okafor may sign in no more." in words(app)
        with desk.connect() as conn:
            assert not read_user(conn, "ben").active

        app = press(app, "Let in again")
        assert "may sign in again" in words(app)
        with desk.connect() as conn:
            assert read_user(conn, "ben").active

    def test_every_row_opens_the_person_and_leads_to_what_they_did(self, open_page: Open) -> None:
        app = open_page("vera", "people")
        (names,) = [table.value["Name"] for table in app.table if "Signs in as" in table.value.columns]
        assert all("](/people?person=" in name for name in names)
        app = open_page("vera", "people", person="ben")
        assert not app.exception
        shown = "\n".join(table.value.to_string() for table in app.table)
        assert app.selectbox(key="people-one").value == "ben"
        assert "What they did" in shown
        assert not {"Roles", "Disable"} & {button.label for button in app.button}

    def test_the_person_chosen_stands_in_the_address(self, open_page: Open, alma: str) -> None:
        app = open_page(alma, "people")
        app.selectbox(key="people-one").set_value("ben").run()
        assert app.query_params["person"] in ("ben", ["ben"])
