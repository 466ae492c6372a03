"""Files by the rights of their click: a page stays open, and its buttons with it, longer than an account may."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError

from core.access import Actor
from core.batches import fix_batch
from core.sign_in import record_seen
from core.users import disable_user, set_roles
from pages.shared import desk as pages_desk
from pages.shared import taking_home
from pages.shared.decisions import SessionEnded
from tests.pages.conftest import Open
from tests.world import HOST, pending

ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver", "operator"}))
NAME = "Ana Silva"
File = Callable[[], bytes]
# The files of each page; each of them was asked for by nothing but its click.
PAGES = {
    "queue": 1, "partners": 1, "partner": 1, "payout": 1, "batch": 2, "audit": 1, "as_of": 2, "month_end": 3,
    "analytics": 1,
}  # fmt: skip


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[File]:
    """What the buttons that were drawn would run."""
    drawn: list[File] = []
    keep = MediaFileManager.add_deferred

    def kept(self: MediaFileManager, made: File, *given: str, **named: str) -> str:
        drawn.append(made)
        return keep(self, made, *given, **named)

    monkeypatch.setattr(MediaFileManager, "add_deferred", kept)
    return drawn


@pytest.fixture
def opened(desk: Engine, open_page: Open, now: datetime, files: list[File]) -> Callable[[str], list[File]]:
    """Opens a page as Ada and returns the files of its buttons."""
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now, name=NAME)
        batch = fix_batch(conn, [payout], filter_query={}, actor=ADA, now=now)
        code = str(conn.execute(text("SELECT code FROM partner")).scalar_one())

    def on(page: str) -> list[File]:
        files.clear()
        asked = {"payout": {"id": str(payout)}, "batch": {"id": str(batch)}, "partner": {"code": code}}
        assert not open_page("ada", page, **asked.get(page, {})).exception
        return list(files)

    return on


@pytest.mark.parametrize("page", PAGES)
def test_the_buttons_of_a_page_still_open_give_no_file_once_the_account_is_closed(
    page: str, desk: Engine, opened: Callable[[str], list[File]], now: datetime
):
    made = opened(page)
    assert len(made) >= PAGES[page]
    assert all(one() for one in made)
    with desk.begin() as conn:
        disable_user(conn, "ada", actor=HOST, now=now)
    for one in made:
        with pytest.raises(SessionEnded):
            one()


@pytest.mark.parametrize("page", ["queue", "partners", "batch", "as_of"])
def test_no_file_has_names_once_the_right_to_them_was_taken_away(
    page: str,
    desk: Engine,
    opened: Callable[[str], list[File]],
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):
    made = opened(page)
    assert any(NAME.encode() in one() for one in made)
    with desk.begin() as conn:
        set_roles(conn, "ada", ["viewer"], actor=HOST, now=now)
    for one in made:
        with pytest.raises(SessionEnded):
            one()
    # Even if the session went on, its files would be made by the rights of the click.
    monkeypatch.setattr(
        taking_home,
        "deciding",
        lambda *_given, **_named: Actor(name="user:ada", channel="page", roles=frozenset({"viewer"})),
    )
    assert not any(NAME.encode() in one() for one in made)


def test_the_click_after_an_idle_hour_gives_no_file(
    desk: Engine, opened: Callable[[str], list[File]], monkeypatch: pytest.MonkeyPatch
):
    (made,) = opened("queue")
    later = pages_desk.now() + timedelta(minutes=61)
    monkeypatch.setattr(pages_desk, "now", lambda: later)
    with desk.begin() as conn:
        record_seen(conn, "ada", now=later)
    with pytest.raises(SessionEnded):
        made()


def test_who_gets_no_file_leaves_no_trace_of_a_fault_in_the_log(
    opened: Callable[[str], list[File]], caplog: pytest.LogCaptureFixture
):
    opened("queue")
    streamlits = logging.getLogger(taking_home.FILES_LOG)
    streamlits.addHandler(caplog.handler)
    for cause in (SessionEnded(), OSError("no disk")):
        fault = MediaFileStorageError("Callable execution failed")
        fault.__cause__ = cause
        streamlits.error("Error executing deferred callable", exc_info=fault)
    streamlits.removeHandler(caplog.handler)
    told = {
        str(record.exc_info[1].__cause__)
        for record in caplog.records
        if record.exc_info and record.exc_info[1]
    }
    assert told == {"no disk"}
