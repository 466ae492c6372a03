"""A decision whose run never came to tell it: Streamlit cut it behind the commit, or the commit's answer was lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from threading import Thread
from types import FrameType
from typing import Any, NoReturn
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.pool import PoolProxiedConnection
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.testing.v1 import AppTest

from core.actions import claim_action, conclude_action
from core.batches import BatchDecided
from core.decisions import Wanted
from core.steering import take_back_payouts
from pages.shared import decisions, keys, payout_actions
from pages.shared import desk as pages_desk
from pages.shared.format import plain
from tests.pages.conftest import Open, button
from tests.pages.dialogs import field
from tests.world import World, pending

Status = Callable[[int], str]
WHILE_S = 1.0  # a run takes less to ask what became of a decision


def cut_behind_the_commit(monkeypatch: pytest.MonkeyPatch, payout: int) -> None:
    """As R does while a decision is made: the next thing asked of Streamlit ends the run, and the page is drawn anew."""
    control, left = ScriptRunner._maybe_handle_execution_control_request, [True]

    def cut(self: ScriptRunner) -> None:
        calls: FrameType | None = sys._getframe(1)
        while calls is not None and calls.f_code is not decisions.decide.__code__:
            calls = calls.f_back
        if left and calls is not None and "outcome" in calls.f_locals:
            left.clear()
            context = get_script_run_ctx()
            assert context is not None
            raise RerunException(
                RerunData(query_string=f"id={payout}", page_script_hash=context.page_script_hash)
            )
        control(self)

    monkeypatch.setattr(ScriptRunner, "_maybe_handle_execution_control_request", cut)


def of_another_run() -> ScriptRunContext:
    """As a click elsewhere begins a run of the same session at once, while the one before is still in its callback."""
    context = get_script_run_ctx()
    assert context is not None
    return replace(context, session_state=SafeSessionState(context.session_state._state, lambda: None))


@pytest.fixture
def lost_answers(desk: Engine) -> Iterator[Callable[[], None]]:
    """Lets the dashboard's next two commits, those of a double click, happen, and their answers get lost."""
    del desk
    dialect = pages_desk.engine().dialect
    commit = dialect.do_commit
    left: list[int] = []

    def lose(connection: PoolProxiedConnection) -> None:
        commit(connection)
        if left:
            left.pop()
            raise OSError("the server closed the connection")

    dialect.do_commit = lose  # type: ignore[method-assign,assignment]
    yield lambda: left.extend([1, 2])
    dialect.do_commit = commit  # type: ignore[method-assign]


def headline(app: AppTest) -> str:
    return str(app.session_state["result"]["headline"])


def take_back(desk: Engine, payout: int, now: datetime) -> None:
    with desk.begin() as conn:
        take_back_payouts(conn, [Wanted(id=payout)], actor=World().actor("ben"), now=now)


def approvals(desk: Engine) -> int:
    with desk.connect() as conn:
        return int(conn.execute(text("SELECT count(*) FROM approval")).scalar_one())


def test_a_decision_cut_short_behind_its_commit_is_told_by_the_next_run_and_swallows_no_later_one(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, monkeypatch: pytest.MonkeyPatch
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    cut_behind_the_commit(monkeypatch, payout)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert (status_of(payout), headline(app)) == ("approved", "1 payout, $24.75.")
    take_back(desk, payout, now)
    assert status_of(payout) == "pending"
    app = app.run()
    app.session_state["settled"] = None  # a person looked at it for longer than a double click takes
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert (status_of(payout), approvals(desk)) == ("approved", 2)


def test_a_decision_that_is_still_made_while_the_page_is_drawn_anew_is_told_once_it_was_made(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, monkeypatch: pytest.MonkeyPatch
):
    runs: list[Thread] = []

    def drawn_anew_meanwhile(conn: Connection, token: UUID, outcome: Mapping[str, Any]) -> None:
        runs.append(Thread(target=decisions.recover))
        add_script_run_ctx(runs[0], of_another_run())
        runs[0].start()
        runs[0].join(WHILE_S)
        conclude_action(conn, token, outcome)

    monkeypatch.setattr(decisions, "conclude_action", drawn_anew_meanwhile)
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    cut_behind_the_commit(monkeypatch, payout)
    app = app.button(key=f"do_approve_{payout}").click().run()
    runs[0].join()
    assert (status_of(payout), headline(app)) == ("approved", "1 payout, $24.75.")
    take_back(desk, payout, now)
    monkeypatch.setattr(decisions, "conclude_action", conclude_action)
    app = app.run()
    app.session_state["settled"] = None  # as above
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert (status_of(payout), approvals(desk)) == ("approved", 2)


def test_a_rejection_cut_short_behind_its_commit_is_not_told_as_refused(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, monkeypatch: pytest.MonkeyPatch
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_reject_{payout}").click().run()
    field(app.text_input, "reason").set_value("entered twice")
    cut_behind_the_commit(monkeypatch, payout)
    app = button(app, "confirm-").click().run()
    assert (status_of(payout), headline(app)) == ("rejected", "1 payout, $24.75.")


def test_a_refusal_cut_short_is_told_by_the_next_run(
    desk: Engine, open_page: Open, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))

    def refused(*_: object, **__: object) -> NoReturn:
        raise BatchDecided(who="ben")

    monkeypatch.setattr(payout_actions, "told", refused)
    cut_behind_the_commit(monkeypatch, payout)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert headline(app) == plain("This batch was already decided by ben.")
    assert approvals(desk) == 0


def test_a_rejection_told_and_cut_short_before_its_dialog_was_closed_is_not_told_as_refused(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, monkeypatch: pytest.MonkeyPatch
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_reject_{payout}").click().run()
    field(app.text_input, "reason").set_value("entered twice")
    decide = decisions.decide

    def cut(name: str, token: UUID, work: decisions.Work) -> None:
        decide(name, token, work)
        monkeypatch.setattr(decisions, "decide", decide)
        context = get_script_run_ctx()
        assert context is not None
        raise RerunException(
            RerunData(query_string=f"id={payout}", page_script_hash=context.page_script_hash)
        )

    monkeypatch.setattr(decisions, "decide", cut)
    app = button(app, "confirm-").click().run()
    assert (status_of(payout), headline(app)) == ("rejected", "1 payout, $24.75.")


def test_a_dialog_asked_for_while_another_decision_was_made_opens_and_its_letters_decide_nothing(
    desk: Engine, open_page: Open, now: datetime
):
    token, over = uuid4(), Future[None]()
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
        claim_action(conn, token, f"note {payout}", actor=World().actor("ada"), now=now)
        conclude_action(conn, token, {"badge": "done", "headline": "The note is kept."})
    over.set_result(None)
    app = open_page("ada", "payout", id=str(payout))
    app.session_state[decisions.ON_ITS_WAY] = (f"note {payout}", token, over)
    app.session_state[keys.ASKING] = ("reject", payout)
    app = app.run()
    assert headline(app) == "The note is kept."
    assert field(app.text_input, "reason")
    assert app.session_state[keys.QUIET] == payout


def test_a_decision_whose_commit_was_never_answered_is_told_once_the_database_can_be_asked(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, lost_answers: Callable[[], None]
):
    with desk.begin() as conn:
        payout, other = pending(conn, [2500], now=now), pending(conn, [7500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    lost_answers()
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert (status_of(payout), headline(app)) == ("approved", "1 payout, $24.75.")
    app.query_params["id"] = str(other)
    app = app.run().button(key=f"do_approve_{other}").click().run()
    assert (status_of(other), headline(app)) == ("approved", "1 payout, $74.75.")
    assert approvals(desk) == 2
