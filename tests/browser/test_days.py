"""Whole errands in Chromium: the morning's batch, a question of a partner, an analyst's file, a bad night."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from tests.browser import driving
from tests.browser.conftest import Desk
from tests.browser.driving import settle, sign_in
from tests.browser.test_journey import run_job
from tests.world import PASSWORD

pytestmark = pytest.mark.browser


def counts(desk: Desk) -> dict[str, int]:
    """How many payouts have each status."""
    with desk.engine.connect() as conn:
        rows = conn.execute(text("SELECT status, count(*) AS n FROM payout GROUP BY status"))
        return {str(row.status): int(row.n) for row in rows}


def scalar(desk: Desk, query: str) -> object:
    with desk.engine.connect() as conn:
        return conn.execute(text(query)).scalar()


def test_the_mornings_batch_is_built_approved_and_paid_in_a_few_clicks(desk: Desk, page: Page):
    before = counts(desk)
    sign_in(page, desk.url, "ada", PASSWORD)
    expect(page.get_by_role("button", name=re.compile(r"Review \d+ payouts"))).to_be_visible()
    page.get_by_role("link", name="Batch approval").click()
    settle(page)
    page.get_by_role("button", name=re.compile(r"Fix this set of \d+")).click()
    settle(page)
    page.get_by_role("button", name=re.compile(r"Approve \d+ payouts")).click()
    expect(page.get_by_role("button", name=re.compile(r"Approve \d+ payouts"))).to_have_count(0)
    settle(page)

    approved = counts(desk)["approved"] - before.get("approved", 0)
    assert approved > 0
    assert counts(desk)["pending"] == before["pending"] - approved
    run_job(desk, "send")
    assert counts(desk).get("approved", 0) == 0
    assert counts(desk)["paid"] >= before["paid"] + approved


def test_a_question_with_an_old_email_leads_to_the_partner_and_an_answer(desk: Desk, page: Page):
    with desk.engine.begin() as conn:
        who = conn.execute(
            text(
                "SELECT r.code, i.id, i.email FROM partner r JOIN identity i ON i.id = r.identity_id LIMIT 1"
            )
        ).one()
        conn.execute(text("UPDATE identity SET email = 'new@example.com' WHERE id = :id"), {"id": who.id})
    sign_in(page, desk.url, "ada", PASSWORD)
    page.get_by_placeholder("Find anything").fill(who.email)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Behind the numbers")).to_be_visible()
    assert f"code={who.code}" in page.url
    settle(page)

    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="More").click()
    page.get_by_text("Answer a question").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_test_id("stCode").or_(dialog.get_by_role("textbox")).first).to_be_visible()


def test_an_analyst_takes_home_a_file_without_names(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/as_of", "vera", PASSWORD)
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Balances").click()
    rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    names = rows[0].split(",")
    assert names[:4] == ["code", "name", "program", "currency"]
    assert len(rows) - 1 == scalar(desk, "SELECT count(*) FROM partner")
    assert {row.split(",")[1] for row in rows[1:]} == {""}


def test_in_a_bad_night_one_person_stops_all_sending_and_two_start_it_again(desk: Desk, page: Page):
    waiting = counts(desk)["approved"]
    sign_in(page, f"{desk.url}/operations", "max", PASSWORD)
    settle(page)
    page.get_by_role("button", name="Stop sending").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("two transfers look wrong")
    dialog.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_text("Sending is stopped").first).to_be_visible()
    run_job(desk, "send")
    assert counts(desk)["approved"] == waiting, "nothing left"

    page.get_by_role("button", name="Sign out").click()
    sign_in(page, f"{desk.url}/operations", "ada", PASSWORD)
    page.get_by_role("button", name="Propose to start").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("looked at both, they are right")
    page.get_by_role("dialog").get_by_role("button", name="Propose the start").click()
    expect(page.get_by_text("Your own proposal.")).to_be_visible()

    assert page.context.browser is not None
    second = driving.new_page(page.context.browser)
    sign_in(second, f"{desk.url}/operations", "ben", PASSWORD)
    second.get_by_role("button", name="Confirm").first.click()
    expect(second.get_by_text("confirmed").first).to_be_visible()
    run_job(desk, "send")
    assert counts(desk).get("approved", 0) == 0
