from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.programs import install_presets
from tests.pages.dialogs import field
from tests.world import pending

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")  # as it reads on the screen


def cells(app: AppTest) -> str:
    return "\n".join(str(one.value.to_string()) for one in app.table).replace("\\", "")


def versions(desk: Engine, code: str) -> list[tuple[int, str]]:
    query = text("""SELECT version, terms ->> 'min_payout_minor' FROM policy JOIN program g ON g.id = program_id
                     WHERE g.code = :code ORDER BY version""")
    with desk.connect() as conn:
        return [(row[0], row[1]) for row in conn.execute(query, {"code": code})]


@pytest.fixture
def programs(desk: Engine, now: datetime) -> None:
    """The presets, and one affiliate with 40.00 in a payout that waits."""
    with desk.begin() as conn:
        install_presets(conn, now=now)
        pending(conn, [40_00], now=now)


@pytest.mark.usefixtures("programs")
class TestPrograms:
    def test_the_list_says_in_a_line_what_holds_in_each(self, open_page: Open) -> None:
        app = open_page("vera", "programs")

        assert not app.exception
        assert "90% of each sale, released after 7 days; paid on request, from €0.00." in words(app)
        assert "$500.00 once per customer active for 60 days" in words(app)

    def test_one_program_shows_every_term_and_every_version(self, open_page: Open) -> None:
        app = open_page("vera", "programs", program="barber")

        assert not app.exception
        assert "Held after a new destination" in cells(app)
        assert "came with the program" in words(app)
        assert "edit" not in {str(button.key) for button in app.button}

    def test_a_change_is_shown_with_what_it_does_proposed_and_confirmed_by_another(
        self, desk: Engine, open_page: Open
    ) -> None:
        app = open_page("ada", "programs", program="affiliate", edit="1")
        app.text_input(key="policy-affiliate-1-minimum").set_value("50.00").run()
        assert not app.exception
        assert "Minimum payout" in cells(app)
        assert "$50.00" in cells(app)
        assert "What it would do today" in words(app)

        app.button(key="propose-policy").click().run()
        field(app.text_input, "two-people-reason").set_value("too many small payouts")
        app.button(key="why-done").click().run()
        assert "proposed" in words(app)
        assert (
            "edit" not in app.query_params
        )  # the form is done with: the proposal stands on the program's page
        assert "too many small payouts" in words(app)
        assert versions(desk, "affiliate") == [(1, "0")]
        next(button for button in app.button if button.label == "All programs").click().run()
        app.button(key="program-creator").click().run()
        assert "proposed" not in words(app)  # of another program

        other = open_page("ben", "programs", program="affiliate")
        assert "too many small payouts" in words(other)
        confirm = next(button for button in other.button if str(button.key).startswith("confirm-"))
        confirm.click().run()

        assert not other.exception
        assert versions(desk, "affiliate") == [(1, "0"), (2, "5000")]
        assert "In force: version 2" in words(other)

    def test_what_cannot_be_read_is_named_and_nothing_can_be_proposed(self, open_page: Open) -> None:
        app = open_page("ada", "programs", program="affiliate", edit="1")
        app.text_input(key="policy-affiliate-1-minimum").set_value("fifty")
        app.text_input(key="policy-affiliate-1-transient").set_value("soon").run()

        assert not app.exception
        assert "Minimum payout: " in words(app)
        assert "After a fault: soon is no pause" in words(app)
        assert "propose-policy" not in {str(button.key) for button in app.button}

    def test_a_viewer_who_knows_the_address_of_the_form_gets_the_story(self, open_page: Open) -> None:
        app = open_page("vera", "programs", program="affiliate", edit="1")

        assert not app.exception
        assert "In force: version 1" in words(app)
        assert not app.text_input(key="find_anything").disabled
        assert len(app.text_input) == 1

    def test_a_code_that_names_no_program_says_so(self, open_page: Open) -> None:
        assert "No such program" in words(open_page("vera", "programs", program="nope"))
