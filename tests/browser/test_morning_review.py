"""The morning at the desk in Chromium: what waits is told, decided one way or the other, and adds up all the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Row, text

from core.overrides import override_content
from core.proposals import propose
from pages.shared.format import money
from tests.browser.conftest import Desk
from tests.browser.driving import settle, sign_in, tick, visit
from tests.desk import DAY, Balance
from tests.desk import Desk as Books
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

READY = text("""
    SELECT id, partner_id, net_minor FROM payout
     WHERE status = 'pending' AND (aside_until IS NULL OR aside_until <= current_date) ORDER BY id
""")
OWED = "SELECT b.available FROM partner_balance b JOIN payout p USING (partner_id) WHERE p.id = :id"
PAID_SINCE = text("""
    SELECT currency, count(*) AS n, sum(net_minor)::bigint AS net_minor
      FROM payout WHERE status = 'paid' AND processed_at > :since GROUP BY currency
""")
SPLIT = text("""
    SELECT p.status, p.currency, sum(p.net_minor)::bigint AS net_minor FROM payout p WHERE id = ANY(:ids) GROUP BY 1, 2
""")


def ready(desk: Desk) -> dict[int, int]:
    """The payouts that wait for a first approval, and their net."""
    with desk.engine.connect() as conn:
        return {row.id: row.net_minor for row in conn.execute(READY)}


def net(desk: Desk, *ids: int) -> str:
    """What these payouts come to, as pages write it."""
    with desk.engine.connect() as conn:
        rows = conn.execute(SPLIT, {"ids": list(ids)}).all()
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.net_minor
    return " and ".join(money(minor, currency) for currency, minor in sorted(sums.items()))


def ask_beyond_the_minimum(desk: Desk, books: Books, *, now: datetime) -> int:
    """A maker asks for 30.00 where 100.00 is the least; return the proposal."""
    books.partner("RSL1", program="reseller", tier="reseller", now=now - 3 * DAY)
    books.sale("RSL1", "30.00", ref="s1", program="reseller", at=now - 2 * DAY, now=now - DAY)
    books.release(now - timedelta(hours=2))
    with desk.engine.begin() as conn:
        partner = conn.execute(text("SELECT id FROM partner WHERE code = 'RSL1'")).scalar_one()
        return propose(
            conn,
            "override_request",
            ids=[partner],
            why="rent is due",
            content=override_content("30.00", now=now),
            actor=desk.world.actor("max"),
            now=now,
        )


def paid_since(desk: Desk, since: datetime) -> dict[str, Row[Any]]:
    """How many were paid since then, and their net, by currency."""
    with desk.engine.connect() as conn:
        return {row.currency: row for row in conn.execute(PAID_SINCE, {"since": since})}


def found(page: Page, payout: int) -> None:
    """Narrow the queue to one payout."""
    page.get_by_placeholder("Partner, code, payout").fill(f"#{payout}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1–1 of 1").first).to_be_visible()
    settle(page)


def reject(page: Page, payout: int) -> None:
    """Find one payout in the queue and reject it for a reason."""
    found(page, payout)
    tick(page, 0)
    page.get_by_role("button", name="Reject").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason (required, kept with the payout)").fill("invoice does not fit")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Reject 1 payout").click()


def hold(page: Page, address: str) -> None:
    """Put the partner of this address on hold."""
    visit(page, address)
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="More").click()
    page.get_by_text("Place a hold").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("asked for the invoice")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_text("The partner is on hold.").first).to_be_visible()


def approve_the_rest(page: Page, many: int, net: str) -> None:
    """Build the batch of all that is ready and approve it with a nervous hand."""
    page.get_by_role("link", name="Batch approval").click()
    page.get_by_role("button", name=f"Fix this batch of {many} · {net}").click()
    expect(page.get_by_text("Everything in the batch may be decided.").first).to_be_visible()
    settle(page)
    page.get_by_role("button", name=f"Approve {many} payouts · {net}").dblclick()


def confirm(page: Page) -> None:
    """Go to the proposal from Overview, and confirm it."""
    page.get_by_role("link", name="Overview").click()
    page.get_by_text("1 proposal to confirm or refuse").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Pay a request beyond a rule: confirmed.").first).to_be_visible()


def test_the_morning_is_told_decided_and_adds_up_from_overview_to_the_books(desk: Desk, page: Page):
    books, now = Books(desk.engine, desk.data_dir), datetime.now(UTC)
    proposal = ask_beyond_the_minimum(desk, books, now=now)
    waiting = ready(desk)
    turned_down, held, *rest = waiting
    whole = int(str(books.scalar("SELECT amount_minor FROM payout WHERE id = :id", id=turned_down)))
    before = int(str(books.scalar(OWED, id=turned_down)))

    sign_in(page, desk.url, "ada", PASSWORD)
    expect(page.get_by_text("1 proposal to confirm or refuse").first).to_be_visible()
    page.get_by_role("button", name=f"Review {len(waiting)} payouts").click()
    expect(page.get_by_text(f"of {len(waiting)}, ")).to_contain_text(f"{net(desk, *waiting)} net")
    reject(page, turned_down)
    expect(page.get_by_text(f"1 payout, {net(desk, turned_down)}.").first).to_be_visible()
    assert (books.status(turned_down), books.scalar(OWED, id=turned_down)) == ("rejected", before + whole)

    code = books.scalar(
        "SELECT code FROM partner r JOIN payout p ON p.partner_id = r.id WHERE p.id = :id", id=held
    )
    hold(page, f"{desk.url}/partner?code={code}")
    told = f"{len(rest)} payouts, {net(desk, *rest)}."
    approve_the_rest(page, len(rest), net(desk, *rest))
    expect(page.get_by_text(told).first).to_be_visible()
    assert {books.status(one) for one in rest} == {"approved"}
    assert books.scalar("SELECT count(*) FROM approval WHERE payout_id = ANY(:ids)", ids=rest) == len(rest)
    assert books.status(held) == "pending"
    page.get_by_role("link", name="Payout queue").click()
    expect(page.get_by_role("heading", name="Payout queue")).to_be_visible()

    assert books.balance("RSL1") == Balance(0, 30_00, 0, 0, 0)
    confirm(page)
    assert books.scalar("SELECT decided_by FROM proposal WHERE id = :id", id=proposal) == "user:ada"
    assert books.balance("RSL1") == Balance(0, 0, 30_00, 0, 0)

    books.send(now=datetime.now(UTC))
    page.get_by_role("link", name="Overview").click()
    for currency, row in paid_since(desk, now).items():
        expect(page.get_by_text(f"{row.n:,} paid, {currency}").first).to_be_visible()
        expect(page.get_by_text(money(row.net_minor, currency)).first).to_be_visible()
    expect(page.get_by_text("waits: a sale is disputed").first).to_be_visible()
    assert {books.status(one) for one in rest} == {"paid"}
    assert (books.status(held), books.status(turned_down)) == ("pending", "rejected")
    assert books.faults() == []
