"""The whole way in Chromium with Stripe as the rail: approved on the page, sent by the scheduler, seen paid, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from tests.browser import driving
from tests.browser.desk import dashboard, scheduler
from tests.browser.driving import sign_in
from tests.stripe.fake import FakeStripe
from tests.world import PASSWORD, populate

pytestmark = pytest.mark.browser


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe(any_account=True) as fake:
        yield fake


PAID = text("""
    SELECT p.status, p.net_minor, p.ref::text, a.provider_ref, a.provider
      FROM payout p JOIN attempt a ON a.payout_id = p.id WHERE p.id = :id
""")


def test_a_payout_approved_in_the_browser_is_one_transfer_at_stripe_and_shows_it(
    database: str, engine: Engine, stripe: FakeStripe, tmp_path: Path
) -> None:
    world = populate(engine, now=datetime.now(UTC))
    payout = world.payouts[0]
    rail = {"PAYDESK_PROVIDER": "stripe", "STRIPE_ACCOUNT_ID": "acct_platform"}
    sends = rail | {"STRIPE_SECRET_KEY": "sk_test_123", "STRIPE_API_BASE": stripe.url}
    with (
        dashboard(database, tmp_path, **rail) as url,
        scheduler(database, tmp_path, **sends),
        driving.browser() as opened,
    ):
        page = driving.new_page(opened)
        sign_in(page, f"{url}/payout?id={payout}", "ada", PASSWORD)
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_text("It has left").first).to_be_visible(timeout=60_000)
        with engine.connect() as conn:
            paid = conn.execute(PAID, {"id": payout}).one()
        expect(page.get_by_text(paid.provider_ref).first).to_be_attached()

    [entry] = [each for each in stripe.books() if each.transfer_group == paid.ref]
    assert (paid.status, paid.provider, paid.provider_ref) == ("paid", "stripe", entry.id)
    assert entry.amount == paid.net_minor
