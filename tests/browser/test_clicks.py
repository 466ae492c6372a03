"""What browsers do to a click: twice, a reload, a closed tab, a second tab, an hour's absence; nothing is lost or doubled."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket, expect
from sqlalchemy import text

from tests.browser import driving
from tests.browser.conftest import Desk
from tests.browser.driving import SLOW_MS, settle, sign_in, stands, visit
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
BETWEEN_CLICKS_MS = 100


def scalar(desk: Desk, query: str, **values: object) -> object:
    with desk.engine.connect() as conn:
        return conn.execute(text(query), values).scalar()


def status(desk: Desk, payout_id: int) -> object:
    return scalar(desk, "SELECT status FROM payout WHERE id = :id", id=payout_id)


def approvals(desk: Desk, payout_id: int) -> object:
    return scalar(desk, "SELECT count(*) FROM approval WHERE payout_id = :id", id=payout_id)


def becomes(desk: Desk, payout_id: int, wanted: str) -> None:
    deadline = time.monotonic() + SLOW_MS / 1000
    while status(desk, payout_id) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status(desk, payout_id) == wanted


def twice(page: Page, name: str) -> None:
    """Two clicks as fast as a hand makes them, at one place, whatever is drawn there by then."""
    box = page.get_by_role("button", name=name).last.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.wait_for_timeout(BETWEEN_CLICKS_MS)
    page.mouse.click(x, y)


def test_a_double_click_in_a_dialog_keeps_one_note_and_the_next_note_is_kept_too(desk: Desk, page: Page):
    code = scalar(desk, "SELECT code FROM partner ORDER BY id LIMIT 1")
    sign_in(page, f"{desk.url}/partner?code={code}", "max", PASSWORD)
    for place, note in enumerate(("Called back", "Answered")):
        page.get_by_role("button", name="Write").click()
        page.get_by_role("dialog").get_by_role("textbox").fill(note)
        page.keyboard.press("Tab")
        settle(page)
        twice(page, "Keep the note")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text(note).first).to_be_visible()
        settle(page)
        assert scalar(desk, "SELECT count(*) FROM partner_note") == place + 1


def test_a_double_click_and_a_reload_right_after_it_approve_once(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    twice(page, "Approve")
    page.reload()
    becomes(desk, payout, "approved")
    stands(page)
    assert (status(desk, payout), approvals(desk, payout)) == ("approved", 1)


def test_a_click_whose_tab_is_closed_at_once_is_done_once(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - it takes no builtin
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    with sockets[-1].expect_event("framesent"):
        page.get_by_role("button", name="Approve").click()
    page.close()
    becomes(desk, payout, "approved")
    assert approvals(desk, payout) == 1


def test_a_second_tab_that_shows_what_is_no_more_decides_nothing(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    other = tab(page.context, f"{desk.url}/payout?id={payout}")
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_role("button", name="Take back").first).to_be_visible()
    settle(other)
    before = (status(desk, payout), approvals(desk, payout))
    assert before == ("approved", 1)

    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nothing was approved").first).to_be_visible()
    assert (status(desk, payout), approvals(desk, payout)) == before


def tab(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    visit(page, url)
    return page


def test_who_was_away_for_an_hour_signs_in_and_is_where_they_were(desk: Desk, page: Page):
    address = f"{desk.url}/queue?view=all&method=paypal&sort=net-"
    sign_in(page, address, "ada", PASSWORD)
    with desk.engine.begin() as conn:
        conn.execute(text("UPDATE browser_session SET last_seen_at = last_seen_at - interval '61 minutes'"))
    page.reload()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    assert page.url == address

    page.get_by_label("Name", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_text("largest net first").first).to_be_visible()
    assert page.url == address


def test_a_browser_left_alone_signs_nobody_in_while_its_person_is_at_work_in_another(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/queue", "ada", PASSWORD)
    with desk.engine.begin() as conn:
        conn.execute(text("UPDATE browser_session SET last_seen_at = last_seen_at - interval '61 minutes'"))
    assert page.context.browser is not None
    other = driving.new_page(page.context.browser)
    sign_in(other, f"{desk.url}/queue", "ada", PASSWORD)

    page.reload()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    other.reload()
    stands(other)
