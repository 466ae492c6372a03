"""The provider's own account in a reconciliation: seen, set beside what our payouts took, its transfers compared."""

from __future__ import annotations

from core.providers.stripe import StripeTransfers
from core.providers.stripe_balances import StripeBalances
from core.reconciling import reconcile
from core.runs import RunResult
from core.sending import send_due
from tests.desk import DAY, HOUR, NOW, Desk
from tests.stripe.fake import FakeStripe

MORNING = NOW + 18 * HOUR


def run(desk: Desk, rail: StripeTransfers, fake: FakeStripe, now: object = MORNING) -> RunResult:
    """Reconcile with Stripe at `now`, both clocks."""
    assert isinstance(now, type(MORNING))
    fake.clock.advance(now - fake.clock.now())
    return reconcile(desk.engine, rail, now=now, balances=StripeBalances(rail))


def seen(desk: Desk) -> list[object]:
    return desk.column(
        "SELECT concat_ws(' ', currency, balance_minor, sent_minor, returned_minor) FROM balance_seen"
        " WHERE currency = 'USD' ORDER BY at"
    )


def test_is_seen_by_currency_beside_what_our_payouts_took_since_the_look_before(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    fake.platform.funds.update({"usd": 1_000_00 - fake.platform.funds["usd"]})
    run(desk, rail, fake)
    desk.approved("AFF1")
    fake.platform.funds["usd"] += 7_00  # a charge that the desk does not book
    send_due(desk.engine, rail, now=MORNING + HOUR)

    assert run(desk, rail, fake, MORNING + DAY).count == 0

    assert seen(desk) == ["USD 100000 0 0", f"USD {1_000_00 + 7_00 - 24_75} 2475 0"]
    assert desk.column("SELECT DISTINCT currency FROM balance_seen ORDER BY 1") == ["EUR", "USD"]


def test_is_seen_once_at_an_instant_and_a_rerun_changes_nothing(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    desk.approved("AFF1")
    send_due(desk.engine, rail, now=NOW)
    run(desk, rail, fake)
    before = seen(desk)

    assert run(desk, rail, fake).count == 0
    assert seen(desk) == before


def test_a_transfer_in_the_account_book_that_the_list_hides_is_one_row(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    desk.approved("AFF1")
    send_due(desk.engine, rail, now=NOW)
    params = {"amount": "7700", "currency": "usd", "destination": "acct_1"}
    hidden = fake.platform.create_transfer(params, key=None)
    del fake.platform.transfers[hidden["id"]]

    assert run(desk, rail, fake).count == 1

    assert desk.column("SELECT concat_ws(' ', kind, thing, amount_minor, currency) FROM difference") == [
        "balance 2026-11-20 USD 7700 USD"
    ]
    assert desk.scalar("SELECT figures FROM difference") == {
        "booked_minor": 77_00 + 24_75,
        "listed_minor": 24_75,
    }
    assert run(desk, rail, fake, MORNING + HOUR).count == 0
    fake.platform.transfers[hidden["id"]] = hidden
    run(desk, rail, fake, MORNING + 2 * HOUR)
    assert desk.column("SELECT kind FROM difference WHERE gone_at IS NOT NULL") == ["balance"]


def test_what_came_back_is_no_contradiction(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
    desk.approved("AFF1")
    send_due(desk.engine, rail, now=NOW)
    (made,) = fake.platform.transfers
    fake.platform.reverse(made, {"amount": "1000"}, key=None)

    run(desk, rail, fake)

    assert desk.column("SELECT kind FROM difference") == ["total"]  # it came back there, and not here


def test_of_the_simulator_is_what_it_may_still_send(desk: Desk) -> None:
    desk.approved("AFF1")
    rail = desk.simulator(balance={"USD": 100_00})
    desk.send(rail)

    assert reconcile(desk.engine, rail, now=MORNING).count == 0

    assert seen(desk) == [f"USD {100_00 - 24_75} 0 0"]
    assert (
        desk.scalar("SELECT count(*) FROM balance_seen WHERE balance_minor IS NULL") == 1
    )  # EUR: without limit
