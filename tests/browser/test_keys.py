"""The keys of a payout's page decide about the payout, and never about what is typed into something in front of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from core.decisions import Wanted, approve_payouts
from tests.browser.conftest import Desk
from tests.browser.driving import FAULT, settle, sign_in, visit
from tests.world import PASSWORD

pytestmark = pytest.mark.browser
NOTE_WHERE_IT_IS_APPROVED = """() => { window.pressed = []; window.addEventListener('keydown', event => {
    if (event.key === 'Enter') window.pressed.push(location.href); }, true); }"""
RUNS = "document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') === 'running'"
LATE_REASON = "not an agreed amount, and nobody knows why"
REASON = "a contract nobody signed, an axe"  # its r is a key of Streamlit's own: it runs the page anew


def standing(desk: Desk, payout_id: int) -> tuple[str, int]:
    """The status, and how many have approved."""
    with desk.engine.connect() as conn:
        approvals = text("SELECT count(*) FROM approval WHERE payout_id = :id AND decision = 'approve'")
        status = conn.execute(
            text("SELECT status FROM payout WHERE id = :id"), {"id": payout_id}
        ).scalar_one()
        return str(status), int(conn.execute(approvals, {"id": payout_id}).scalar_one())


def approved_by_ada(desk: Desk) -> set[int]:
    with desk.engine.connect() as conn:
        return set(conn.execute(text("SELECT payout_id FROM approval WHERE actor = 'user:ada'")).scalars())


@pytest.mark.parametrize("delay_ms", [30, 110])
def test_a_reason_typed_as_soon_as_reject_was_pressed_neither_approves_nor_leaves(
    desk: Desk, page: Page, delay_ms: int
):
    payout = desk.world.payouts[0]
    before = standing(desk, payout)
    assert before == ("pending", 0)
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.keyboard.press("x")
    page.keyboard.type(REASON, delay=delay_ms)  # before the dialog is there, and while it is
    expect(page.get_by_role("dialog")).to_be_visible()
    settle(page)
    page.keyboard.type(REASON, delay=delay_ms)
    settle(page)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.url.endswith(f"/payout?id={payout}")
    assert standing(desk, payout) == before

    page.get_by_label("Reason (required, kept with the payout)").fill(REASON)
    page.get_by_role("dialog").get_by_role("button", name="Reject 1 payout").click()
    expect(page.get_by_text("Rejected", exact=False).first).to_be_visible()
    settle(page)
    assert standing(desk, payout) == ("rejected", 0)


@pytest.mark.parametrize(
    ("reason", "delay_ms"), [(LATE_REASON, 60), (LATE_REASON, 150), ("n" * 120, 40)]
)  # the last one asks for the next payout for five seconds on end, and each time anew before the page is drawn
def test_a_reason_typed_for_what_a_colleague_decided_meanwhile_approves_nothing_else(
    desk: Desk, page: Page, reason: str, delay_ms: int
):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/queue?view=ready", "ada", PASSWORD)
    visit(page, f"{desk.url}/payout?id={payout}")
    with desk.engine.begin() as conn:
        approve_payouts(conn, [Wanted(id=payout)], actor=desk.world.actor("ben"), now=datetime.now(UTC))
    before = approved_by_ada(desk)
    page.keyboard.press("x")
    page.wait_for_function(RUNS)  # a busy machine loses a click that another one follows before it was taken
    page.keyboard.type(reason, delay=delay_ms)
    expect(page.get_by_text("Nothing was rejected.").first).to_be_visible()
    settle(page)
    page.keyboard.type(reason, delay=delay_ms)
    settle(page)
    assert page.url.endswith(f"/payout?id={payout}")
    assert approved_by_ada(desk) == before


def test_once_a_dialog_is_left_the_keys_decide_again_and_what_is_searched_for_never_does(
    desk: Desk, page: Page
):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_placeholder("Find anything").click()
    page.keyboard.type("ana", delay=30)
    assert standing(desk, payout) == ("pending", 0)
    page.get_by_placeholder("Find anything").fill("")
    page.get_by_role("heading").first.click()

    page.keyboard.press("x")
    expect(page.get_by_role("dialog")).to_be_visible()
    settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    settle(page)
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    assert standing(desk, payout) == ("approved", 1)


def test_what_is_typed_where_no_field_has_the_cursor_approves_nothing(desk: Desk, page: Page):
    before = approved_by_ada(desk)
    sign_in(page, f"{desk.url}/payout?id={desk.world.payouts[0]}", "ada", PASSWORD)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    for delay_ms in (20, 150, 600):  # meant for the search box; its n goes on to the next
        page.keyboard.type("Anna Santana", delay=delay_ms)
        settle(page)
    assert approved_by_ada(desk) == before


def test_what_is_typed_into_the_search_box_approves_nothing_with_whatever_enter_it_is_sent(
    desk: Desk, page: Page
):
    payout = desk.world.payouts[0]
    before = approved_by_ada(desk)
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    for enter in ("Control+Enter", "Shift+Enter", "Alt+Enter", "Meta+Enter"):
        visit(page, f"{desk.url}/payout?id={payout}")
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        page.get_by_placeholder("Find anything").click()
        page.keyboard.type("mara", delay=30)
        page.keyboard.press(enter)
        settle(page)
    assert approved_by_ada(desk) == before


def test_a_choice_of_the_menu_right_behind_reject_opens_its_dialog_alone(desk: Desk, page: Page):
    payout = desk.world.payouts[0]
    sign_in(page, f"{desk.url}/payout?id={payout}", "ada", PASSWORD)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="More").click()
    menu = page.get_by_text("Set aside", exact=True)
    expect(menu).to_be_visible()
    page.keyboard.press("x")
    menu.click()
    settle(page)
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.locator(FAULT)).to_have_count(0)
    assert standing(desk, payout) == ("pending", 0)


def test_the_key_approves_once_and_goes_nowhere_where_another_button_was_clicked_last(desk: Desk, page: Page):
    sign_in(page, f"{desk.url}/payout?id={desk.world.payouts[0]}", "ada", PASSWORD)
    page.get_by_role("button", name="Next").click()
    settle(page)
    shown, address = int(page.url.rpartition("=")[2]), page.url
    before = standing(desk, shown)
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    settle(page)
    assert (before, standing(desk, shown)) == (("pending", 0), ("approved", 1))
    assert page.url == address


@pytest.mark.parametrize("delay_ms", [100, 400, 700])
def test_next_and_approve_in_quick_succession_approve_what_is_shown_or_nothing(
    desk: Desk, page: Page, delay_ms: int
):
    before = approved_by_ada(desk)
    sign_in(page, f"{desk.url}/payout?id={desk.world.payouts[0]}", "ada", PASSWORD)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.evaluate(NOTE_WHERE_IT_IS_APPROVED)
    for _ in range(3):
        page.keyboard.press("n")
        page.wait_for_timeout(delay_ms)
        page.keyboard.press("Shift+Enter")
        settle(page)
        if "/payout?id=" not in page.url:
            break
    shown = {int(address.rpartition("=")[2]) for address in page.evaluate("window.pressed")}
    assert approved_by_ada(desk) - before <= shown
