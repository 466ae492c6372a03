"""A day typed into *As of* never stands over the figures of another one, however the field is left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk
from tests.browser.driving import settle, sign_in
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
START = "2026-01-31"


@pytest.mark.parametrize(("key", "shown"), [("Tab", "31 Jan 2026"), ("Enter", "15 Oct 2025")])
def test_the_field_and_the_figures_are_of_the_same_day(desk: Desk, page: Page, key: str, shown: str):
    sign_in(page, f"{desk.url}/as_of?at={START}", "vera", PASSWORD)
    field = page.get_by_test_id("stSelectbox").first.locator("input")
    field.click()
    page.keyboard.type("2025-10-15")
    page.keyboard.press(key)
    settle(page)
    expect(field).to_have_value(f"End of {'Sat' if key == 'Tab' else 'Wed'} {shown}")
    expect(page.get_by_text("As it stood at the end of")).to_contain_text(shown)
