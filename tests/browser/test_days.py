"""Whole errands in Chromium: a question of a partner, balances to take home, a bad night."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from pages.shared.format import money
from tests.browser import driving
from tests.browser.conftest import Desk
from tests.browser.driving import settle, sign_in, sign_out, visit
from tests.browser.test_journey import run_job
from tests.desk import Desk as Books
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


ASKING = text("""
    SELECT r.code, w.id AS identity_id, w.name, w.email, d.account, p.net_minor, p.currency,
           (SELECT available FROM partner_balance b WHERE b.partner_id = r.id) AS available
      FROM payout p JOIN partner r ON r.id = p.partner_id JOIN identity w ON w.id = r.identity_id
      JOIN destination d ON d.id = p.destination_id
     WHERE p.id = :id
""")


def test_a_question_with_an_old_email_leads_to_the_partner_and_an_answer_with_their_figures(
    desk: Desk, page: Page
):
    with desk.engine.begin() as conn:
        who = conn.execute(ASKING, {"id": desk.world.payouts[0]}).one()
        changed = text("UPDATE identity SET email = 'new@example.com' WHERE id = :id")
        conn.execute(changed, {"id": who.identity_id})
    before = counts(desk)
    sign_in(page, desk.url, "ada", PASSWORD)
    page.get_by_placeholder("Find anything").fill(who.email)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Behind the numbers").first).to_be_visible()
    assert f"code={who.code}" in page.url
    settle(page)

    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="More").click()
    page.get_by_text("Answer a question").click()
    answer = (
        page.get_by_role("dialog")
        .get_by_test_id("stCode")
        .or_(page.get_by_role("dialog").get_by_role("textbox"))
    )
    expect(answer.first).to_contain_text(f"{who.name} ({who.code}), as of ")
    expect(answer.first).to_contain_text(f"Available: {money(who.available, who.currency)}.")
    expect(answer.first).to_contain_text(
        f"On its way: {money(who.net_minor, who.currency)} after fees by Stripe"
    )
    expect(answer.first).to_contain_text("being reviewed")
    for secret in (who.email, "new@example.com", who.account):
        expect(answer.first).not_to_contain_text(secret)
    assert counts(desk) == before, "a question moves nothing"


def test_an_analyst_takes_home_a_file_without_names(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/as_of", "vera", PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Balances").click()
    rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    names = rows[0].split(",")
    assert names[:4] == ["code", "name", "program", "currency"]
    assert len(rows) - 1 == scalar(desk, "SELECT count(*) FROM partner")
    assert {row.split(",")[1] for row in rows[1:]} == {""}


def test_in_a_bad_night_one_person_stops_all_sending_and_two_start_it_again(desk: Desk, page: Page):
    books = Books(desk.engine, desk.data_dir)
    waiting, paid = counts(desk)["approved"], counts(desk)["paid"]
    sign_in(page, f"{desk.url}/operations", "max", PASSWORD)
    page.get_by_role("button", name="Stop sending").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("two transfers look wrong")
    dialog.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_text("Sending is stopped").first).to_be_visible()
    run_job(desk, "send")
    assert (counts(desk)["approved"], counts(desk)["paid"]) == (waiting, paid), "nothing left"
    expect(page.get_by_role("button", name="Propose to start")).to_have_count(
        0
    )  # a maker stops, and starts nothing

    sign_out(page)
    sign_in(page, f"{desk.url}/payout?id={desk.world.payouts[0]}", "ada", PASSWORD)
    expect(page.get_by_text("Sending is stopped").first).to_be_visible()
    page.keyboard.press("Shift+Enter")  # deciding goes on
    expect(page.get_by_text("It does not leave yet. All sending is stopped by max").first).to_be_visible()
    books.send(now=datetime.now(UTC))
    assert (counts(desk)["approved"], counts(desk)["paid"]) == (waiting + 1, paid)
    visit(page, f"{desk.url}/operations")
    page.get_by_role("button", name="Propose to start").first.click()
    page.get_by_role("dialog").get_by_label("Reason").fill("looked at both, they are right")
    page.get_by_role("dialog").get_by_role("button", name="Propose the start").click()
    expect(page.get_by_text("Your own proposal.").first).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    books.send(now=datetime.now(UTC))
    assert (counts(desk)["approved"], counts(desk)["paid"]) == (waiting + 1, paid), (
        "one person starts nothing"
    )

    assert page.context.browser is not None
    second = driving.new_page(page.context.browser)
    sign_in(second, f"{desk.url}/operations", "ben", PASSWORD)
    second.get_by_role("button", name="Confirm").first.dblclick()
    expect(second.get_by_text("confirmed").first).to_be_visible()
    assert scalar(desk, "SELECT stopped_by || ' ' || started_by FROM sending_stop") == "user:max user:ben"
    books.send(now=datetime.now(UTC))
    assert counts(desk).get("approved", 0) == 0
    assert counts(desk)["paid"] == paid + waiting + 1
    assert (
        scalar(
            desk,
            "SELECT max(n) FROM (SELECT count(*) AS n FROM attempt WHERE state = 'succeeded' GROUP BY payout_id) t",
        )
        == 1
    )
