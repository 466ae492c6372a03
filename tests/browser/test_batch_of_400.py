"""A morning's four hundred payouts in Chromium: fixed, looked through, decided once, sent through Stripe."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, text

from core.access import Actor
from core.gate import Gate
from core.holds import place_hold
from core.providers.pace import Pace
from core.providers.stripe import StripeTransfers
from core.resolving import resolve_due
from core.sending import send_due
from pages.shared.format import money
from tests.browser.crowd import PARTNERS, STRIPE, gather
from tests.browser.desk import dashboard
from tests.browser.driving import settle, sign_in, stands, wait_until
from tests.desk import Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Kind
from tests.stripe.rails import TEST_KEY
from tests.world import PASSWORD, PEOPLE

pytestmark = pytest.mark.browser

MAX = Actor(name="user:max", channel="page", roles=frozenset(PEOPLE["max"][1]))
REFUSED = 4  # three on hold when the batch is looked through, one while it is approved
GOING = PARTNERS - REFUSED
FIRST_TURN = 150
LOST: tuple[Kind, ...] = ("drop_after", "half_body", "drop_before")
LATER = timedelta(minutes=2)  # the first look at an outcome that nobody told is due by then
STATUSES = text("SELECT status, count(*) AS n FROM payout WHERE id = ANY(:ids) GROUP BY status")
NET = text("""
    SELECT currency, sum(net_minor)::bigint AS net_minor FROM payout WHERE id = ANY(:ids) GROUP BY currency ORDER BY currency
""")
APPROVALS = "SELECT count(*) FROM approval WHERE payout_id = ANY(:ids)"
PAID = text("""
    SELECT p.ref::text, a.provider_ref, p.net_minor, lower(p.currency) AS currency, d.account
      FROM payout p JOIN attempt a ON a.payout_id = p.id AND a.state = 'succeeded'
      JOIN destination d ON d.id = p.destination_id
     WHERE p.id = ANY(:ids) AND p.status = 'paid'
""")
WAITS_FOR_A_LOCK = """
    SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                    WHERE a.datname = current_database() AND NOT l.granted)
"""


@dataclass(frozen=True, kw_only=True)
class Morning:
    """A dashboard over four hundred payouts, the Stripe that pays them, and the scheduler's work in between."""

    url: str
    desk: Desk
    stripe: FakeStripe
    rail: StripeTransfers
    gate: Gate
    payouts: Sequence[int]

    def send(self, *, limit: int | None = None) -> None:
        """One turn of the send job."""
        send_due(self.desk.engine, self.rail, now=datetime.now(UTC), limit=limit, gate=self.gate)

    def resolve(self) -> None:
        """One turn of the resolve job, a while later."""
        resolve_due(self.desk.engine, self.rail, now=datetime.now(UTC) + LATER, gate=self.gate)

    def statuses(self) -> Counter[str]:
        """How many of this morning's payouts have each status."""
        with self.desk.engine.connect() as conn:
            return Counter({row.status: row.n for row in conn.execute(STATUSES, {"ids": self.payouts})})

    def net(self, *, without: Sequence[int] = ()) -> dict[str, int]:
        """The net of this morning's payouts by currency, in minor units."""
        ids = [one for one in self.payouts if one not in without]
        with self.desk.engine.connect() as conn:
            return {row.currency: row.net_minor for row in conn.execute(NET, {"ids": ids})}

    def hold(self, *payouts: int) -> None:
        """A colleague puts the partners of these payouts on hold."""
        with self.desk.engine.begin() as conn:
            for payout in payouts:
                partner = conn.execute(text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout})
                place_hold(conn, partner.scalar_one(), "review", actor=MAX, now=datetime.now(UTC))


@pytest.fixture
def morning(database: str, engine: Engine, tmp_path: Path) -> Iterator[Morning]:
    desk = gather(engine, tmp_path, now=datetime.now(UTC))
    with (
        FakeStripe(any_account=True) as stripe,
        dashboard(database, tmp_path, **STRIPE) as url,
    ):
        at_once = Pace(rate_per_s=1_000, burst=100)  # the rate is Stripe's wish, and not what is tried here
        yield Morning(
            url=url,
            desk=desk,
            stripe=stripe,
            rail=StripeTransfers(
                secret_key=TEST_KEY, account_id="acct_platform", api_base=stripe.url, pace=at_once
            ),
            gate=Gate(),
            payouts=[
                int(str(one))
                for one in desk.column("SELECT id FROM payout WHERE status = 'pending' ORDER BY id")
            ],
        )


def typed(page: Page, net: dict[str, int]) -> None:
    """Type the totals back, as one reads them."""
    for currency, minor in net.items():
        page.get_by_label(f"Type the net total, {currency}").fill(money(minor, currency)[1:])
        page.keyboard.press("Tab")


def fixed(morning: Morning, page: Page) -> Locator:
    """Fix the batch as the batch page builds it, look at its difference and refusals; return the button that approves."""
    sign_in(page, f"{morning.url}/batch", "ada", PASSWORD)
    page.get_by_role("button", name=f"Fix this batch of {PARTNERS}").click()
    expect(page.get_by_text("400 payouts to 400 partners, fixed").first).to_be_visible()
    expect(page.get_by_text("133 new, 0 gone").first).to_be_visible()
    expect(page.get_by_text("Everything in the batch may be decided.").first).to_be_visible()
    morning.hold(*morning.payouts[:3])
    page.reload()
    stands(page)
    expect(page.get_by_text("On hold: it is under review").first).to_be_visible()
    return page.get_by_role("button", name=re.compile("Approve 397 payouts · ")).first


def approved(morning: Morning, page: Page, approve: Locator) -> None:
    """Type the totals back, once wrongly, and approve by a double click in a tab that is closed meanwhile."""
    net = morning.net(without=morning.payouts[:3])
    expect(approve).to_contain_text(f"{money(net['EUR'], 'EUR')} and {money(net['USD'], 'USD')}")
    typed(page, net | {"EUR": net["EUR"] - 1})
    approve.click()
    expect(page.get_by_text("The total typed is not the net of the batch in EUR.").first).to_be_visible()
    assert morning.statuses() == {"pending": PARTNERS}
    typed(page, net)
    settle(page)
    morning.hold(morning.payouts[3])  # which the page does not show any more
    with morning.desk.engine.begin() as conn:
        conn.execute(text("SELECT FROM payout WHERE id = :id FOR UPDATE"), {"id": morning.payouts[-1]})
        approve.dblclick()
        wait_until(lambda: morning.desk.scalar(WAITS_FOR_A_LOCK), "the decision is under way")
        page.close()
    wait_until(lambda: morning.statuses()["approved"], "the decision is made")


def sent(morning: Morning, tab: Page, batch: str) -> Page:
    """Send in two turns, Stripe losing an answer here and there, the tab closed in between; return the tab that sees the end."""
    expect(tab.get_by_text(f"0 of {GOING} sent and answered").first).to_be_visible()
    morning.send(limit=FIRST_TURN)
    expect(
        tab.get_by_text(f"{FIRST_TURN} of {GOING} sent and answered").first
    ).to_be_visible()  # nobody reloaded it
    tab.close()
    for lost in LOST:
        morning.stripe.fault(lost)
    morning.send()
    morning.resolve()
    another = tab.context.new_page()
    another.goto(batch)
    expect(another.get_by_text(f"{GOING} of {GOING} sent and answered").first).to_be_visible()
    return another


def taken_home(tab: Page) -> list[dict[str, str]]:
    """The result as a file."""
    settle(tab)
    with tab.expect_download() as download:
        tab.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV").click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))


def test_four_hundred_payouts_are_decided_once_and_each_is_paid_once_whatever_the_browser_does(
    morning: Morning, page: Page
):
    assert len(morning.payouts) == PARTNERS
    morning.send()
    assert (morning.statuses(), morning.stripe.books()) == ({"pending": PARTNERS}, ()), "nobody has approved"

    approve = fixed(morning, page)
    batch = page.url
    approved(morning, page, approve)
    assert morning.statuses() == {"approved": GOING, "pending": REFUSED}
    assert morning.desk.scalar(APPROVALS, ids=morning.payouts) == GOING

    tab = page.context.new_page()
    tab.goto(batch)
    expect(tab.get_by_text(f"{GOING} payouts approved").first).to_be_visible()
    expect(tab.get_by_text(f"Refused {REFUSED} payouts").first).to_be_visible()
    last = sent(morning, tab, batch)
    assert morning.statuses() == {"paid": GOING, "pending": REFUSED}
    with morning.desk.engine.connect() as conn:
        paid = sorted(tuple(row) for row in conn.execute(PAID, {"ids": morning.payouts}))
    books = sorted(
        (one.transfer_group, one.id, one.amount, one.currency, one.destination)
        for one in morning.stripe.books()
    )
    assert len(books) == GOING
    assert books == paid
    assert morning.desk.faults() == []

    rows = taken_home(last)
    of_it = [row for row in rows if row["Decision"] == "approved"]
    told = [row for row in rows if row["Decision"].startswith("refused: On hold")]
    assert (len(rows), len(of_it), len(told)) == (PARTNERS, GOING, REFUSED)
    assert {row["Status now"] for row in of_it} == {"paid"}
    assert sorted(row["Provider reference"] for row in of_it) == sorted(ref for _, ref, *_ in books)
    net = {
        currency: sum(Decimal(row["Net"]) for row in of_it if row["Currency"] == currency)
        for currency in ("EUR", "USD")
    }
    assert {currency: int(total * 100) for currency, total in net.items()} == morning.net(
        without=morning.payouts[:REFUSED]
    )
