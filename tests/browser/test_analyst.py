"""An analyst in a meeting, in Chromium: a period of their own, the one before it, and a file that equals the ledger."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from core.reports.period import Period
from pages.shared.format import money
from tests.browser.crowd import gather
from tests.browser.desk import dashboard
from tests.browser.driving import settle, sign_in, visit
from tests.desk import Desk
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

CURRENCY = "EUR"
# By the day of the sale and the day of the payment, in the programs' zone.
EARNED = """
    SELECT sum(l.amount_minor) FROM ledger_transfer l JOIN earning e ON e.id = l.earning_id
     WHERE l.kind = 'earn' AND l.currency = :currency AND (e.occurred_at AT TIME ZONE 'UTC')::date BETWEEN :since AND :until
"""
PAID = """
    SELECT sum(amount_minor) FROM ledger_transfer
     WHERE kind IN ('settle', 'fee') AND currency = :currency
       AND (effective_at AT TIME ZONE 'UTC')::date BETWEEN :since AND :until
"""
STATE = """
    SELECT string_agg(status || n, ' ' ORDER BY status) FROM (SELECT status, count(*) AS n FROM payout GROUP BY status) s
"""
# What a page shows once it stands, by its address; and the words of every button that decides something there.
SEEN = {
    "": "Ready to approve",
    "queue?view=ready": "of 24",
    "payout?id={}": "Approvals",
    "batch": "Fees",
    "operations": "Jobs",
}
WRITES = re.compile(
    "Approve|Reject|Cancel|More|Process|Review|Select all|Fix this batch|Set aside|Stop sending|Run a job|Pause"
)


@dataclass(frozen=True, kw_only=True)
class Office:
    """A dashboard over three paid weeks and what waits this morning."""

    url: str
    desk: Desk

    def ledger(self, query: str, period: Period) -> Decimal:
        """What the ledger says of these days, in major units."""
        asked = {"currency": CURRENCY, "since": period.since, "until": period.until}
        return Decimal(str(self.desk.scalar(query, **asked))) / 100


@pytest.fixture
def office(database: str, engine: Engine, tmp_path: Path) -> Iterator[Office]:
    desk = gather(engine, tmp_path, now=datetime.now(UTC), partners=24, weeks=3)
    with dashboard(database, tmp_path) as url:
        yield Office(url=url, desk=desk)


def taken_home(page: Page, card: int) -> list[dict[str, str]]:
    """The rows of the file behind a card’s CSV button; -1 is the last card."""
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).nth(card).click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def choose_days(page: Page, since: date, until: date) -> None:
    """Type the first and the last day as the field takes them, part by part."""
    page.get_by_role("radio", name="Custom", exact=True).click()
    parts = page.get_by_test_id("stDateInput").get_by_role("spinbutton")
    expect(parts).to_have_count(6)
    for first, day in ((0, since), (3, until)):
        parts.nth(first).click()
        page.keyboard.type(f"{day:%Y%m%d}")
    page.get_by_role("heading", name="Analytics").click()  # a field is taken over once it is left


def test_an_analyst_takes_home_a_period_whose_totals_equal_the_ledger_and_can_change_nothing(
    office: Office, page: Page
):
    before = office.desk.scalar(STATE)
    today = datetime.now(UTC).date()
    chosen = Period(
        since=today - timedelta(days=16), until=today - timedelta(days=9), zone="UTC", program=None
    )
    earned, paid = office.ledger(EARNED, chosen), office.ledger(PAID, chosen)
    paid_before = office.ledger(PAID, chosen.before)
    assert 0 < paid != paid_before > 0

    sign_in(page, f"{office.url}/analytics?currency={CURRENCY}", "vera", PASSWORD)
    choose_days(page, chosen.since, chosen.until)
    expect(page.get_by_text(f"compared with the {chosen.days} days before").first).to_be_visible()
    settle(page)
    assert f"since={chosen.since}" in page.url
    assert f"until={chosen.until}" in page.url
    expect(page.get_by_text(money(int(paid * 100), CURRENCY)).first).to_be_visible()

    page.get_by_role("radio", name="table_rows icon").first.click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    assert "revenue=table" in page.url
    rows = taken_home(page, 0)
    assert [row["day"] for row in rows] == [str(chosen.since + timedelta(days=n)) for n in range(chosen.days)]
    assert (total(rows, "earned"), total(rows, "paid"), total(rows, "paid_before")) == (
        earned,
        paid,
        paid_before,
    )
    compared = {row["metric"]: row for row in taken_home(page, -1)}
    assert Decimal(compared["completed_payouts"]["amount"]) == paid
    assert Decimal(compared["completed_payouts"]["previous"]) == paid_before
    assert Decimal(compared["partner_earnings"]["amount"]) == earned

    colleague = page.context.new_page()
    colleague.goto(page.url)
    expect(colleague.get_by_text(f"compared with the {chosen.days} days before")).to_be_visible()
    colleague.close()

    pending = office.desk.scalar("SELECT min(id) FROM payout WHERE status = 'pending'")
    main = page.get_by_test_id("stMainBlockContainer")
    for path, shown in SEEN.items():
        visit(page, f"{office.url}/{path.format(pending)}")
        expect(main.get_by_text(shown).first).to_be_visible()
        expect(main.get_by_role("button", name=WRITES)).to_have_count(0)
    assert office.desk.scalar(STATE) == before
