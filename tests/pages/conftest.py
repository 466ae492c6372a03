"""The dashboard run by AppTest on a database of the test's own, with a person signed in as the sign-in leaves a session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import Engine, text
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.state.session_state import WStates
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from pages.shared import decisions, faults
from pages.shared.sign_in import STATUS, USERNAME
from tests.world import add_people

APP = Path(__file__).parents[2] / "app.py"
TIMEOUT_S = 180
Open = Callable[..., AppTest]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def desk(
    database: str, engine: Engine, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """The engine of a database with PEOPLE in it, which the dashboard uses too."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("PAYDESK_ENV", "test")
    monkeypatch.setenv("PAYDESK_DATA_DIR", str(tmp_path))
    _navigation_is_told(monkeypatch)
    st.cache_resource.clear()
    st.cache_data.clear()
    with engine.begin() as conn:
        add_people(conn, now=now)
    yield engine
    from pages.shared import desk as pages_desk

    pages_desk.engine().dispose()
    st.cache_resource.clear()


def _navigation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a server that has run app.py once: AppTest begins every run as the first one of a process."""
    begin = PagesManager.__init__

    def began(self: PagesManager, *given: Any, **named: Any) -> None:  # noqa: ANN401 - handed on as they are
        begin(self, *given, **named)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", began)


@pytest.fixture(autouse=True)
def every_click_is_a_double_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a click runs, it runs twice with what the button was drawn with: the second changes nothing."""
    call = WStates.call_callback

    def twice(self: WStates, widget_id: str) -> None:
        call(self, widget_id)
        if self.widget_metadata[widget_id].value_type == "trigger_value":
            call(self, widget_id)

    monkeypatch.setattr(WStates, "call_callback", twice)


@pytest.fixture(autouse=True)
def nothing_of_streamlit_is_asked_for_while_deciding(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A click elsewhere, F5 or a closed tab cuts a run short where it asks Streamlit for anything: never in a decision."""
    asked: list[str] = []
    control = ScriptRunner._maybe_handle_execution_control_request

    def cut(self: ScriptRunner) -> None:
        calls: FrameType | None = sys._getframe(1)
        while calls is not None and calls.f_code is not decisions.decide.__code__:
            calls = calls.f_back
        if calls is not None and "actor" in calls.f_locals and "outcome" not in calls.f_locals:
            asked.append(str(calls.f_locals["name"]))
        control(self)

    monkeypatch.setattr(ScriptRunner, "_maybe_handle_execution_control_request", cut)
    yield
    assert not asked


@pytest.fixture(autouse=True)
def what_cannot_be_drawn_is_a_fault_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page tells its faults in words of its own; here they stay what they are."""

    def raised(fault: Exception, place: faults.Place) -> None:  # noqa: ARG001 - as it is called
        raise fault

    monkeypatch.setattr(faults, "tell", raised)


@pytest.fixture
def open_page(desk: Engine) -> Open:  # noqa: ARG001 - the database it opens on
    """Opens a page as a person: `open_page("ada", "queue", view="ready")`."""

    def opened(name: str | None, page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
        if name is not None:
            app.session_state[STATUS] = True
            app.session_state[USERNAME] = name
        for key, value in query.items():
            app.query_params[key] = value
        app.switch_page(f"pages/{page}.py")
        return app.run()

    return opened


@pytest.fixture
def status_of(desk: Engine) -> Callable[[int], str]:
    """The status a payout has now."""

    def read(payout_id: int) -> str:
        with desk.connect() as conn:
            return str(
                conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one()
            )

    return read


@pytest.fixture
def balance_of(desk: Engine) -> Callable[[int], tuple[int, int]]:
    """Available and reserved of the payout's partner, in minor units."""

    def read(payout_id: int) -> tuple[int, int]:
        with desk.connect() as conn:
            row = conn.execute(
                text("""SELECT b.available, b.reserved FROM partner_balance b JOIN payout p USING (partner_id)
                         WHERE p.id = :id"""),
                {"id": payout_id},
            ).one()
            return row.available, row.reserved

    return read


def button(app: AppTest, begins: str) -> Button:
    """The one button whose key begins so, where the rest of it is the decision's token."""
    (found,) = [one for one in app.button if str(one.key).startswith(begins)]
    return found
