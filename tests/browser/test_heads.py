"""A click on the head of a column orders by it, and opens nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk
from tests.browser.driving import HEADER_PX, settle, sign_in
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


def click_head(page: Page, right_px: int) -> None:
    """Click on a head this far from the grid's left end."""
    grid = page.get_by_test_id("stDataFrame").first
    grid.click(position={"x": right_px, "y": HEADER_PX // 2})
    settle(page)


def test_a_head_of_the_queue_orders_all_that_match_and_the_second_click_the_other_way_round(
    desk: Desk, page: Page
):
    sign_in(page, f"{desk.url}/queue?view=ready", "ada", PASSWORD)
    click_head(page, 300)  # Net
    expect(page).to_have_url(re.compile(r"/queue\?.*sort=net-"))
    expect(page.get_by_text("largest net first").first).to_be_visible()
    click_head(page, 300)
    expect(page).to_have_url(re.compile(r"/queue\?.*sort=net%2B"))
    expect(page.get_by_text("smallest net first").first).to_be_visible()


def test_a_head_of_the_partners_orders_all_of_them(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/partners", "ada", PASSWORD)
    click_head(page, 210)  # Code
    expect(page).to_have_url(re.compile(r"/partners\?.*sort=code"))
    expect(page.get_by_text("by code").first).to_be_visible()
