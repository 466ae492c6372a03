"""Chromium as the browser tests and the pictures use it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SLOW_MS = 40_000
HEADER_PX, ROW_PX = 32, 32
FAULT = "[data-testid=stException], [class*=st-key-fault]"  # a page or a part of it that could not be drawn
Theme = Literal["light", "dark"]


def chromium() -> str | None:
    """Where Chromium is; None: not on this machine."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return os.environ.get("CHROMIUM")


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of our own, closed at the end."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


def new_page(opened: Browser, *, width: int = 1440, height: int = 900, theme: Theme = "light") -> Page:
    """A page in a session of its own."""
    context = opened.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        timezone_id="Europe/Berlin",
        locale="en-US",
    )
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    expect.set_options(timeout=SLOW_MS)
    return page


def sign_in(page: Page, url: str, name: str, password: str) -> None:
    """Fill the form and wait until the page behind it stands: what is typed into a page being drawn is lost."""
    page.goto(url)
    name_field, password_field = (page.get_by_label(label, exact=True) for label in ("Name", "Password"))
    expect(name_field).to_be_visible()
    page.wait_for_load_state(
        "networkidle"
    )  # the part that reads the cookie comes late, and draws the form anew
    settle(page)
    name_field.fill(name)
    password_field.fill(password)
    expect(name_field).to_have_value(name)
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    stands(page)


def sign_out(page: Page) -> None:
    """End the session and wait until it has ended: a click is lost when the page is left before it was taken."""
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def visit(page: Page, url: str) -> None:
    """Go to an address as somebody who is signed in, and wait until its page stands."""
    page.goto(url)
    stands(page)


def stands(page: Page) -> None:
    """Wait until a page of the desk is there, whole and at rest."""
    expect(page.get_by_role("button", name="Sign out", exact=True).first).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    """Wait until the run is over and nothing is greyed out."""
    page.wait_for_timeout(400)
    for _ in range(2):  # what a run has drawn may begin a part of its own, and load what draws it
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        page.wait_for_timeout(300)


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Ask again until it has happened: what goes on behind the page, in the database or at the provider."""
    deadline = time.monotonic() + SLOW_MS / 1000
    while not happened():
        if time.monotonic() > deadline:
            message = f"not within {SLOW_MS / 1000:.0f} s: {what}"
            raise AssertionError(message)
        time.sleep(0.05)


def tick(page: Page, *rows: int) -> None:
    """Tick rows of the page's grid, counted from zero; it is drawn on a canvas, so by place."""
    grid = page.get_by_test_id("stDataFrame").first
    grid.scroll_into_view_if_needed()
    for row in rows:
        grid.click(position={"x": 17, "y": HEADER_PX + ROW_PX * row + ROW_PX / 2})
        settle(page)


def open_row(page: Page, row: int) -> None:
    """Open the payout of a row of the grid."""
    grid = page.get_by_test_id("stDataFrame").first
    grid.click(position={"x": 60, "y": HEADER_PX + ROW_PX * row + ROW_PX / 2})
    settle(page)
