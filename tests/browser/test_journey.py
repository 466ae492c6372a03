"""A morning in Chromium: sign in, find a payout, approve it, see it paid."""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from tests.browser.conftest import Desk
from tests.browser.desk import ROOT, environment
from tests.browser.driving import settle, sign_in, sign_out, stands, tick
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


def run_job(desk: Desk, *arguments: str) -> None:
    environ = environment(desk.database_url, desk.data_dir, PAYDESK_SIMULATOR_SUCCESS="stripe=1")
    subprocess.run(
        [sys.executable, "-m", "jobs", *arguments], cwd=ROOT, env=environ, check=True, capture_output=True
    )


def status_of(desk: Desk, payout_id: int) -> str:
    with desk.engine.connect() as conn:
        return str(
            conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one()
        )


def test_a_payout_found_in_the_queue_is_approved_and_seen_paid(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/queue?view=ready", "ada", PASSWORD)
    assert page.url.endswith("/queue?view=ready")
    page.get_by_placeholder("Partner, code, payout").fill(f"#{payout}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1–1 of 1").first).to_be_visible()
    settle(page)

    tick(page, 0)
    page.get_by_role("button", name="Approve 1 ·").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve 1 payout").click()
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    assert status_of(desk, payout) == "approved"

    run_job(desk, "send", "--payout-id", str(payout))
    page.goto(f"{desk.url}/payout?id={payout}")
    expect(page.get_by_role("tab", name="Attempts 1")).to_be_visible()
    expect(page.get_by_text("It has left").first).to_be_visible()
    assert status_of(desk, payout) == "paid"


def test_the_page_of_an_approved_payout_follows_it_until_it_is_paid(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    assert status_of(desk, payout) == "approved"

    run_job(desk, "send", "--payout-id", str(payout))
    expect(page.get_by_text("It has left").first).to_be_visible()  # nobody reloaded it


def test_reloading_keeps_the_person_signed_in_and_the_filters_as_they_were(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/queue?view=all&method=paypal&sort=net-", "ada", PASSWORD)
    page.reload()
    stands(page)
    expect(page.get_by_text("largest net first").first).to_be_visible()
    assert "method=paypal" in page.url


def test_a_cookie_kept_after_signing_out_opens_nothing(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/queue", "ada", PASSWORD)
    (stolen,) = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "paydesk"]
    sign_out(page)

    page.context.add_cookies([{"name": "paydesk", "value": stolen, "url": desk.url}])
    page.goto(f"{desk.url}/queue")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_the_csv_holds_all_that_match_and_not_only_the_page_shown(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/queue?view=all", "ada", PASSWORD)
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 1 + len(desk.world.payouts)
    assert rows[0].startswith("id,")
