"""Reconciling with Stripe: its list over HTTP against our books, every difference one row."""

from datetime import timedelta

import pytest

from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import StripeRefused
from core.reconciling import reconcile
from core.sending import send_due
from tests.desk import DAY, HOUR, NOW, Desk
from tests.stripe.fake import FakeStripe

MORNING = NOW + 18 * HOUR
HAND = {"currency": "usd", "destination": "acct_1", "amount": 77_00}


@pytest.fixture
def paid(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> str:
    """The group of a payout that Stripe made a transfer for."""
    payout = desk.approved("AFF1", "25.00")
    assert send_due(desk.engine, rail, now=NOW).succeeded == 1
    fake.clock.advance(HOUR)
    return str(desk.scalar("SELECT ref FROM payout WHERE id = :id", id=payout))


def found(desk: Desk) -> list[object]:
    return desk.column("SELECT concat_ws(' ', kind, amount_minor, currency) FROM difference ORDER BY id")


def test_what_stripe_made_for_us_agrees_to_the_cent(desk: Desk, rail: StripeTransfers, paid: str) -> None:
    assert reconcile(desk.engine, rail, now=MORNING).details == {"transfers": 1, "adopted": 0, "open": 0}

    assert desk.column("SELECT payout_ref::text FROM provider_transfer") == [paid]
    assert desk.column("SELECT ours_minor - theirs_minor FROM reconciled_day") == [0]
    assert found(desk) == []


@pytest.mark.parametrize("marked", [{"transfer_group": "summer party"}, {}])
def test_a_transfer_made_in_stripe_is_one_row(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, paid: str, marked: dict[str, str]
) -> None:
    fake.platform.create_transfer(HAND | marked, key=None)

    assert reconcile(desk.engine, rail, now=MORNING).count == 1
    assert reconcile(desk.engine, rail, now=MORNING + HOUR).count == 0

    assert paid
    assert found(desk) == ["missing_here 7700 USD"]
    assert desk.scalar("SELECT count(*) FROM sending_stop") == 0
    assert len(fake.books()) == 2


def test_a_second_transfer_for_a_payout_is_one_row_and_stops_sending(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, paid: str
) -> None:
    fake.platform.create_transfer(HAND | {"transfer_group": paid}, key=None)

    assert reconcile(desk.engine, rail, now=MORNING).count == 1

    assert found(desk) == ["duplicate 7700 USD"]
    assert desk.column("SELECT stopped_by FROM sending_stop") == ["job:reconcile"]


def test_what_was_reversed_in_stripe_is_one_row_of_the_days_total(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, paid: str
) -> None:
    fake.platform.reverse(str(desk.scalar("SELECT provider_ref FROM attempt")), {"amount": 4_75}, key=None)

    assert reconcile(desk.engine, rail, now=MORNING).count == 1

    assert paid
    assert found(desk) == ["total 475 USD"]


def test_a_list_that_lags_makes_nothing_missing(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
    fake.platform.list_lag = timedelta(minutes=5)
    desk.approved("AFF1", "25.00")
    send_due(desk.engine, rail, now=NOW)

    assert reconcile(desk.engine, rail, now=NOW + timedelta(minutes=1)).details == {
        "transfers": 0,
        "adopted": 0,
        "open": 0,
    }

    fake.clock.advance(HOUR)
    assert reconcile(desk.engine, rail, now=NOW + DAY).details == {"transfers": 1, "adopted": 0, "open": 0}


def test_a_stripe_that_fails_midway_leaves_no_run_behind(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, paid: str
) -> None:
    fake.fault("refuse", method="GET")

    with pytest.raises(StripeRefused):
        reconcile(desk.engine, rail, now=MORNING)

    assert paid
    assert desk.scalar("SELECT count(*) FROM reconciliation") == 0
    assert found(desk) == []
    assert reconcile(desk.engine, rail, now=MORNING).details == {"transfers": 1, "adopted": 0, "open": 0}
