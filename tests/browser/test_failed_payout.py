"""A payout that Stripe refuses, in Chromium: heard of on Overview, understood on its page, mended, and paid once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from core.providers.stripe import StripeTransfers
from core.sending import send_due
from tests import builders
from tests.browser.crowd import STRIPE, TERMS
from tests.browser.desk import dashboard
from tests.browser.driving import open_row, settle, sign_in, visit
from tests.desk import DAY, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import Seconds, rail_to
from tests.world import PASSWORD, World, add_people

pytestmark = pytest.mark.browser

ADA = World().actor("ada")
EARNED, FEE, NET = 120_00, 25, 119_75
RESERVED, BACK, PAID = Balance(0, 0, EARNED, 0, 0), Balance(0, EARNED, 0, 0, 0), Balance(0, 0, 0, NET, FEE)
PARTNER = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status\n{}\n"
SALE = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description\n{}\n"
TRIES = "SELECT string_agg(state || ':' || coalesce(error_class, ''), ' ' ORDER BY n) FROM attempt WHERE payout_id = :id"
KEYS = "SELECT count(DISTINCT idem_key) FROM attempt WHERE payout_id = :id"


@dataclass(frozen=True, kw_only=True)
class Night:
    """A dashboard over one partner's approved payout, and the Stripe that is about to refuse it."""

    url: str
    desk: Desk
    stripe: FakeStripe
    rail: StripeTransfers
    seconds: Seconds
    payout: int

    def send(self) -> None:
        """One turn of the send job."""
        send_due(self.desk.engine, self.rail, now=datetime.now(UTC))

    def refuse(self, code: str, message: str) -> None:
        """The next transfer is refused so."""
        self.stripe.fault("error", status=400, type="invalid_request_error", code=code, message=message)

    def stands(self) -> tuple[str, Balance, list[int]]:
        """The payout's status, the partner's balance, and what left Stripe."""
        moved = [one.amount for one in self.stripe.books()]
        return self.desk.status(self.payout), self.desk.balance("A1"), moved


@pytest.fixture
def night(database: str, engine: Engine, tmp_path: Path) -> Iterator[Night]:
    now, desk, seconds = datetime.now(UTC), Desk(engine, tmp_path), Seconds()
    with engine.begin() as conn:
        add_people(conn, now=now)
        builders.program(conn, "agency", terms=TERMS.model_dump_json())
    row = "agency,A1,Ana Silva,ana@example.com,,US,USD,stripe,acct_1,2025-01-01,active"
    desk.take_in("partners", PARTNER.format(row), now=now - 4 * DAY)
    sold = f"agency,A1,commission,s1,{(now - 4 * DAY).isoformat()},{EARNED / 100},USD,Order"
    desk.take_in("sales", SALE.format(sold), now=now - 3 * DAY)
    desk.release(now - 2 * DAY)
    desk.queue(now - 2 * DAY)
    payout = int(str(desk.scalar("SELECT id FROM payout")))
    desk.approve(payout, actor=ADA, now=now - timedelta(hours=9))
    with FakeStripe(any_account=True) as stripe, dashboard(database, tmp_path, **STRIPE) as url:
        rail = rail_to(stripe, seconds=seconds)
        yield Night(url=url, desk=desk, stripe=stripe, rail=rail, seconds=seconds, payout=payout)


def open_from_overview(night: Night, page: Page, line: str) -> None:
    """Sign in, find this line on Overview, and go from it to the payout."""
    sign_in(page, night.url, "ada", PASSWORD)
    page.get_by_text(line).click()
    expect(page.get_by_text("1–1 of 1").first).to_be_visible()
    settle(page)
    open_row(page, 0)
    expect(page.get_by_role("heading", name="$119.75 to Ana Silva")).to_be_visible()


def test_a_payout_refused_for_good_is_given_back_understood_mended_and_its_money_paid_once(
    night: Night, page: Page
):
    assert night.stands() == ("approved", RESERVED, [])
    night.refuse("account_closed", "The account has been closed")
    night.send()
    assert night.stands() == ("failed", BACK, [])

    open_from_overview(night, page, "1 failed")
    expect(page.get_by_text("Failed for good: The account has been closed").first).to_be_visible()
    expect(page.get_by_text("Its money is back in the partner's balance").first).to_be_visible()
    expect(
        page.get_by_text("On hold: the last payout could not be delivered to this destination").first
    ).to_be_visible()
    expect(page.get_by_text("Partner’s", exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Retry now")).to_have_count(0)
    night.desk.queue(datetime.now(UTC))
    assert night.desk.scalar("SELECT count(*) FROM payout") == 1, "while the hold stands nothing is queued"

    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name="Partner").click()
    expect(page.get_by_text("Behind the numbers").first).to_be_visible()
    settle(page)
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="More").click()
    page.get_by_text("Lift a hold").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the bank opened it again")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Lift the hold").click()
    expect(page.get_by_text("The hold is lifted.").first).to_be_visible()
    assert night.desk.column("SELECT closed_by FROM hold") == ["user:ada"]

    night.desk.queue(datetime.now(UTC) + DAY)
    again = night.desk.scalar("SELECT id FROM payout WHERE status = 'pending'")
    visit(page, f"{night.url}/payout?id={again}")
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("leaves when it is back").first).to_be_visible()
    night.send()
    expect(page.get_by_text("It has left").first).to_be_visible()
    night.send()
    assert night.stands() == ("failed", PAID, [NET])
    visit(page, f"{night.url}/payout?id={night.payout}")
    expect(page.get_by_text(f"Its money went into payout {again}").first).to_be_visible()


def test_a_payout_refused_for_now_says_whose_fault_it_is_and_one_click_pays_it_once(night: Night, page: Page):
    night.refuse("balance_insufficient", "You have insufficient available funds in your Stripe account.")
    night.send()
    assert night.stands() == ("approved", RESERVED, [])
    sign_in(page, f"{night.url}/payout?id={night.payout}", "ada", PASSWORD)
    expect(
        page.get_by_text("refused for a reason of ours: You have insufficient available funds").first
    ).to_be_visible()
    expect(page.get_by_role("row", name="Refused for a reason of ours ours")).to_be_visible()

    night.seconds.sleep(120)  # the rail lets a currency rest that ran short
    night.refuse("payouts_limit_exceeded", "You have exceeded the maximum amount of payouts.")
    night.send()
    assert night.stands() == ("retrying", RESERVED, [])
    page.get_by_role("link", name="Overview").click()
    page.get_by_text("1 retries by itself").click()
    expect(page.get_by_text("1–1 of 1").first).to_be_visible()
    settle(page)
    open_row(page, 0)
    expect(page.get_by_text("Refused for now (limits)").first).to_be_visible()
    night.send()
    assert night.stands() == ("retrying", RESERVED, []), "its time has not come"
    page.get_by_role("button", name="Retry now").dblclick()
    expect(page.get_by_text("1 payout, $119.75.").first).to_be_visible()
    night.send()
    night.send()
    assert night.stands() == ("paid", PAID, [NET])
    assert night.desk.scalar(TRIES, id=night.payout) == "declined:platform_balance declined:limits succeeded:"
    assert night.desk.scalar(KEYS, id=night.payout) == 3
