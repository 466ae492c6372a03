"""A database that does not answer for a while: the desk says so, loses nothing, and comes back by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.away import away
from tests.browser.conftest import Desk
from tests.browser.driving import settle, sign_in
from tests.browser.test_clicks import approvals, status
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


def test_a_click_while_the_database_is_away_is_told_as_not_done_and_the_next_one_is_done_once(
    desk: Desk, page: Page, server_url: str
):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    with away(server_url, desk.database_url) as comes_back:
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("The database does not answer").first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        comes_back()
        expect(page.get_by_text("Click again").first).to_be_visible()  # nobody reloaded it
    settle(page)
    assert (status(desk, payout), approvals(desk, payout)) == ("pending", 0)
    assert page.url.endswith(f"/payout?id={payout}")

    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    assert (status(desk, payout), approvals(desk, payout)) == ("approved", 1)
