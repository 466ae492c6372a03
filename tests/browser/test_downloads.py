"""What a page offers to take home comes, whoever clicks it: it is made after the page was drawn, where no page is at hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from tests.browser.conftest import Desk
from tests.browser.driving import sign_in, visit
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
PAGES = ("queue", "partners", "partner", "payout", "analytics", "month_end", "as_of", "audit")


def test_every_file_that_is_offered_comes_and_holds_something(desk: Desk, page: Page):
    with desk.engine.connect() as conn:
        code = conn.execute(text("SELECT code FROM partner ORDER BY id LIMIT 1")).scalar_one()
    given = {"partner": f"?code={code}", "payout": f"?id={desk.world.payouts[0]}"}
    sign_in(page, desk.url, "ada", PASSWORD)
    came: dict[str, int] = {}
    for name in PAGES:
        visit(page, f"{desk.url}/{name}{given.get(name, '')}")
        if name == "payout":
            page.get_by_role("tab", name="Audit").click()
        offered = page.get_by_test_id("stDownloadButton").filter(visible=True)
        for place in range(offered.count()):
            with page.expect_download() as download:
                offered.nth(place).get_by_role("button").click()
            came[f"{name}: {download.value.suggested_filename}"] = download.value.path().stat().st_size
    assert len({one.split(":")[0] for one in came}) == len(PAGES), came
    assert not [one for one, size in came.items() if not size], came
