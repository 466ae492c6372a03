"""A page that draws itself anew is no click: who left it alone is signed out after the hour all the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from core.access import Actor
from core.decisions import Wanted, approve_payouts
from core.reads import payout as reads
from core.users import list_users
from pages.shared import desk as pages_desk
from tests.pages.conftest import Open
from tests.world import pending

PAGES = Path(__file__).parents[2] / "pages"
BEN = Actor(name="user:ben", channel="page", roles=frozenset({"approver"}))
HALF = timedelta(minutes=31)


def test_a_page_that_draws_itself_anew_does_not_keep_its_session_alive(
    desk: Engine, open_page: Open, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
        approve_payouts(conn, [Wanted(id=payout)], actor=BEN, now=now)
    clock, look = [now], reads.standing

    def moved_on(_conn: Connection, _payout_id: int) -> int | None:
        """Half an hour goes by, and the payout moves on."""
        monkeypatch.setattr(reads, "standing", look)
        clock.append(clock[-1] + HALF)
        return -1

    monkeypatch.setattr(pages_desk, "now", lambda: clock[-1])
    monkeypatch.setattr(reads, "standing", moved_on)
    app = open_page("ada", "payout", id=str(payout))
    assert len(clock) == 2
    assert app.session_state["seen_at"] == now
    with desk.connect() as conn:
        (seen,) = [user.last_seen_at for user in list_users(conn) if user.name == "ada"]
    assert seen == now
    clock.append(clock[-1] + HALF)
    app = app.run()
    assert "without a click" in app.info[0].value


def test_a_click_on_a_page_that_had_drawn_itself_anew_counts(
    open_page: Open, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    app = open_page("ada", "queue")
    monkeypatch.setattr(pages_desk, "now", lambda: now + HALF)
    app.session_state[pages_desk.BY_ITSELF] = True
    assert app.run().session_state["seen_at"] < now + HALF
    assert app.run().session_state["seen_at"] == now + HALF


def by_the_clock(mark: ast.expr) -> bool:
    return "run_every" in ast.unparse(mark) or ast.unparse(mark).startswith("live(")


def looks(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions that Streamlit runs by the clock."""
    by_clock = {
        name.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and by_the_clock(call.func)
        for name in call.args
        if isinstance(name, ast.Name)
    }
    for one in ast.walk(tree):
        if isinstance(one, ast.FunctionDef):
            marked = any(by_the_clock(mark) for mark in one.decorator_list)
            if marked or one.name in by_clock:
                yield one


def test_whatever_looks_by_the_clock_draws_the_page_anew_without_a_click():
    found = [
        (path.name, one.name, "st.rerun" in ast.unparse(one))
        for path in sorted(PAGES.rglob("*.py"))
        for one in looks(ast.parse(path.read_text()))
    ]
    assert len(found) >= 8
    # What ends a session draws the sign-in.
    assert [(name, function) for name, function, reruns in found if reruns] == [("sign_in.py", "watch")]
