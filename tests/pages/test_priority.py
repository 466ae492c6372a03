"""The priority that is proposed where a person decides: shown with why, taken over by one click, never by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Open, button
from tests.world import pending


def words(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in app.markdown).replace("\\", "")


@pytest.fixture
def priority_of(desk: Engine) -> Callable[[int], str]:
    def read(payout: int) -> str:
        with desk.connect() as conn:
            return str(
                conn.execute(text("SELECT priority FROM payout WHERE id = :id"), {"id": payout}).scalar_one()
            )

    return read


@pytest.fixture
def old(desk: Engine, now: datetime) -> int:
    """A first payout that has waited for eight days."""
    with desk.begin() as conn:
        return pending(conn, [2500], now=now - timedelta(days=7))


def test_it_is_proposed_with_its_reasons_and_one_click_takes_it_over(
    desk: Engine, open_page: Open, old: int, priority_of: Callable[[int], str]
) -> None:
    app = open_page("ada", "payout", id=str(old))
    assert not app.exception
    assert "Priority high is proposed" in words(app)
    assert "it has waited for 8 days; the partner has never been paid" in words(app)
    assert priority_of(old) == "normal"

    app = button(app, "take_over_priority_").click().run()

    assert not app.exception
    assert priority_of(old) == "high"
    assert "is proposed" not in words(app)
    with desk.connect() as conn:
        query = "SELECT details ->> 'reason' FROM audit WHERE action = 'payout.ordered'"
        reason = conn.execute(text(query)).scalar_one()
    assert reason == "as proposed: it has waited for 8 days; the partner has never been paid"


def test_a_viewer_reads_it_and_has_no_button(
    open_page: Open, old: int, priority_of: Callable[[int], str]
) -> None:
    app = open_page("vera", "payout", id=str(old))
    assert "Priority high is proposed" in words(app)
    assert not [one for one in app.button if str(one.key).startswith("take_over_priority_")]
    assert priority_of(old) == "normal"


def test_it_is_silent_where_the_payout_has_what_it_deserves(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    assert "is proposed" not in words(open_page("ada", "payout", id=str(payout)))


@pytest.mark.parametrize(("has", "told"), [("low", True), ("high", False), ("urgent", False)])
def test_it_never_argues_with_a_person_who_put_it_higher(
    desk: Engine, open_page: Open, old: int, has: str, *, told: bool
) -> None:
    with desk.begin() as conn:
        conn.execute(text("UPDATE payout SET priority = :has"), {"has": has})
    assert ("is proposed" in words(open_page("ada", "payout", id=str(old)))) is told
