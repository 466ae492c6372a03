from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.programs import install_presets
from tests import builders as b
from tests.pages.dialogs import field

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")


def cells(app: AppTest) -> str:
    return "\n".join(str(one.value.to_string()) for one in app.table).replace("\\", "")


def own(desk: Engine) -> object:
    with desk.connect() as conn:
        return conn.execute(text("SELECT overrides FROM partner WHERE code = 'BRK1'")).scalar_one()


@pytest.fixture
def broker(desk: Engine, now: datetime) -> None:
    """A broker with 80.00 available, below the program's minimum of 100.00."""
    with desk.begin() as conn:
        install_presets(conn, now=now)
        program = conn.execute(text("SELECT id FROM program WHERE code = 'broker-bounty'")).scalar_one()
        partner = b.partner(conn, program, "BRK1", released_to=now)
        long_ago = now - timedelta(days=9)
        b.earning(conn, partner, 80_00, kind="bounty", occurred_at=long_ago, release_at=long_ago)


@pytest.mark.usefixtures("broker")
class TestOwnTerms:
    def test_they_are_previewed_proposed_confirmed_by_another_and_shown_as_the_partners(
        self, desk: Engine, open_page: Open
    ) -> None:
        app = open_page("max", "partner", code="BRK1", terms="1")
        assert not app.exception
        assert "nothing yet" in words(app)

        app.text_input(key="own-BRK1-0-min_payout_minor").set_value("50")
        app.selectbox(key="own-BRK1-0-schedule").set_value("monthly").run()
        app.number_input(key="own-BRK1-0-day").set_value(31).run()
        assert not app.exception
        shown = cells(app)
        assert "$80.00 is $20.00 below the minimum of $100.00" in shown
        assert "A payout of $80.00" in shown
        assert "monthly on day 31" in shown

        app.button(key="propose-terms").click().run()
        field(app.text_input, "two-people-reason").set_value("agreed by letter")
        app.button(key="why-done").click().run()
        assert not app.exception
        assert "proposed" in words(app)
        assert "terms" not in app.query_params
        assert own(desk) == {}

        other = open_page("ben", "partner", code="BRK1")
        assert "minimum payout as the program → $50.00" in words(other)
        next(button for button in other.button if str(button.key).startswith("confirm-")).click().run()
        assert not other.exception
        assert own(desk) == {"min_payout_minor": 50_00, "schedule": {"kind": "monthly", "day": 31}}

        terms = next(
            one.value for one in open_page("vera", "partner", code="BRK1").table if "Set by" in one.value
        )
        set_by = {
            row["Term"]: (str(row["Value"]).replace("\\", ""), row["Set by"]) for _, row in terms.iterrows()
        }
        assert set_by["Minimum payout"] == ("$50.00", "Partner")
        assert set_by["Paid"] == ("monthly on day 31", "Partner")
        assert set_by["Most a month"] == ("$5,000.00", "Program")

    def test_what_cannot_be_is_said_and_nothing_can_be_proposed(self, open_page: Open) -> None:
        app = open_page("max", "partner", code="BRK1", terms="1")
        app.text_input(key="own-BRK1-0-min_payout_minor").set_value("much").run()
        assert not app.exception
        assert "much" in words(app)
        assert "propose-terms" not in [button.key for button in app.button]

    def test_a_viewer_sees_the_terms_and_no_form(self, open_page: Open) -> None:
        app = open_page("vera", "partner", code="BRK1", terms="1")
        assert not app.exception
        assert "Schedule and terms" in words(app)
        assert "change-terms" not in [button.key for button in app.button]
