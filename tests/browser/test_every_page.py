"""What holds on every page, in both themes: it is readable, calm, keeps to its own host, and says what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

import pytest
from playwright.sync_api import Page, Request, expect
from sqlalchemy import text

from tests.browser import driving
from tests.browser.conftest import Desk
from tests.browser.driving import FAULT, Theme, settle, sign_in, visit
from tests.browser.reading import low_contrast, nameless
from tests.browser.shots import ONES, PAGES
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

# Pages that draw parts of themselves anew every few seconds, the slowest every ten.
ALIVE = ("", "operations", "queue?view=ready", "audit")
LOOKED_AT_MS = 12_000
SHIFTS = """() => { window.shifted = []; new PerformanceObserver(list => { for (const one of list.getEntries())
    window.shifted.push(one.value); }).observe({type: 'layout-shift'}); }"""
NARROW = 1024
PRIMARIES = "[data-testid=stBaseButton-primary]:visible"
OVERFLOW = """() => { const main = document.querySelector('[data-testid=stMain]');
                        return Math.max(main.scrollWidth - main.clientWidth, 0); }"""
OPENED = {"audit-row": "audit?row=1", "person": "people?person=ada", "job": "operations?job=release"}


def paths(desk: Desk) -> Mapping[str, str]:
    """The address of every page, and of one of each kind there is."""
    with desk.engine.connect() as conn:
        ones = {name: conn.execute(text(query)).scalar() for name, query in ONES.items()}
    return PAGES | OPENED | {name: str(path) for name, path in ones.items() if path is not None}


def opened(page: Page, desk: Desk) -> Iterator[str]:
    """Open one page after the other and say which."""
    for name, path in paths(desk).items():
        visit(page, f"{desk.url}/{path}")
        yield name


@pytest.mark.parametrize("theme", get_args(Theme))
def test_every_page_is_readable_keeps_to_its_host_and_has_one_primary_button_at_most(
    desk: Desk, theme: Theme
):
    asked: set[str] = set()

    def note(request: Request) -> None:
        if not request.url.startswith((desk.url, "data:", "blob:")):
            asked.add(request.url)

    with driving.browser() as chromium:
        page = driving.new_page(chromium, width=NARROW, theme=theme)
        page.on("request", note)
        page.on("websocket", lambda socket: asked.add(socket.url) if desk.url[7:] not in socket.url else None)
        faults: dict[str, object] = {}
        page.goto(desk.url)
        expect(page.get_by_label("Password", exact=True)).to_be_visible()
        settle(page)  # a form is drawn anew once the cookie was read
        faults["sign-in form"] = low_contrast(page) + nameless(page)
        sign_in(page, desk.url, "ada", PASSWORD)
        for name in opened(page, desk):
            faults[f"{name} reads"] = low_contrast(page)
            faults[f"{name} names"] = nameless(page)
            faults[f"{name} shows a fault"] = page.locator(FAULT).count()
            faults[f"{name} primaries"] = max(page.locator(PRIMARIES).count() - 1, 0)
            faults[f"{name} too wide"] = page.evaluate(OVERFLOW)
    assert {name: fault for name, fault in faults.items() if fault} == {}
    assert asked == set()


def test_no_page_moves_under_a_reader_once_it_is_there(desk: Desk, page: Page):
    sign_in(page, desk.url, "ada", PASSWORD)
    moved = {}
    for path in ALIVE:
        visit(page, f"{desk.url}/{path}")
        page.evaluate(SHIFTS)
        page.wait_for_timeout(LOOKED_AT_MS)
        moved[path] = page.evaluate("window.shifted.reduce((all, one) => all + one, 0)")
    assert moved == dict.fromkeys(ALIVE, 0)
