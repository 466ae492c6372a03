"""Referred customers of the provider: made once, kept, ended, and never re-attributed, in any order of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import text

from core.events import NotYet
from tests.core.events.shop import Shop
from tests.desk import DAY, NOW

REFERRED = {"referral": "BRK1"}


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(shop: Shop) -> Iterator[None]:
    yield
    assert shop.desk.faults() == []


@pytest.fixture(autouse=True)
def broker(shop: Shop) -> None:
    """A partner who is paid by the customers referred."""
    shop.desk.partner("BRK1", program="broker-bounty", account="acct_2")


def customers(shop: Shop) -> list[tuple[str, str, datetime, datetime | None]]:
    """Every customer: reference, partner, since when, until when."""
    query = text("""SELECT c.ref, p.code, c.signed_up_at, c.cancelled_at
                      FROM customer c JOIN partner p ON p.id = c.partner_id ORDER BY c.id""")
    with shop.desk.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(query)]


def test_one_who_signs_up_by_a_referral_is_the_partners_from_that_instant_once(shop: Shop) -> None:
    ref = shop.customers.sign_up(name="Cleo Ltd", metadata=REFERRED)

    assert shop.apply(shop.events() * 2) == ["referred", "known"]

    assert customers(shop) == [(ref, "BRK1", NOW, None)]
    assert shop.desk.column("SELECT name FROM identity WHERE name = 'Cleo Ltd'") == ["Cleo Ltd"]


def test_and_stays_for_sixty_days_earns_the_bounty(shop: Shop) -> None:
    shop.customers.sign_up(metadata=REFERRED)
    shop.apply()

    shop.desk.accrue(NOW + 60 * DAY - timedelta(seconds=1))
    assert shop.earnings() == []
    shop.desk.accrue(NOW + 60 * DAY)

    assert shop.desk.column("SELECT amount_minor FROM earning") == [500_00]


def test_and_leaves_before_earns_nothing(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    subscription = shop.customers.subscribe(ref)
    shop.fake.clock.advance(59 * DAY)
    shop.customers.end_subscription(subscription)

    shop.apply(now=NOW + 61 * DAY)
    shop.desk.accrue(NOW + 61 * DAY)

    assert customers(shop) == [(ref, "BRK1", NOW, NOW + 59 * DAY)]
    assert shop.earnings() == []


def test_whose_referral_the_subscription_names_counts_from_the_subscription(shop: Shop) -> None:
    ref = shop.customers.sign_up()
    shop.fake.clock.advance(3 * DAY)
    shop.customers.subscribe(ref, metadata=REFERRED)

    shop.apply(now=NOW + 4 * DAY)

    assert customers(shop) == [(ref, "BRK1", NOW + 3 * DAY, None)]


def test_without_a_referral_is_nobodys(shop: Shop) -> None:
    shop.customers.subscribe(shop.customers.sign_up())
    assert shop.apply() == ["not referred", "not referred"]
    assert customers(shop) == []


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_events_in_any_order_and_twice_end_the_same(shop: Shop, order: tuple[int, ...]) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    subscription = shop.customers.subscribe(ref)
    shop.fake.clock.advance(DAY)
    shop.customers.change_subscription(subscription, status="past_due")
    shop.customers.end_subscription(subscription)
    events = shop.events()

    shop.apply([events[place] for place in (*order, *reversed(order))], now=NOW + 2 * DAY)

    assert customers(shop) == [(ref, "BRK1", NOW, NOW + DAY)]


def test_a_change_is_kept_as_history(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    shop.apply()
    shop.customers.end_subscription(shop.customers.subscribe(ref))
    shop.apply()

    query = "SELECT concat_ws(' ', field, made_by) FROM change WHERE subject = 'customer'"
    assert shop.desk.column(query) == ["cancelled_at job:events"]


def test_one_with_another_subscription_running_goes_on(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    first = shop.customers.subscribe(ref)
    shop.customers.subscribe(ref)
    shop.customers.end_subscription(first)

    shop.apply()

    assert customers(shop) == [(ref, "BRK1", NOW, None)]


def test_one_who_comes_back_is_active_again_and_an_older_answer_ends_nothing(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    first = shop.customers.subscribe(ref)
    shop.fake.clock.advance(DAY)
    shop.customers.end_subscription(first)
    shop.apply(now=NOW + DAY)
    assert customers(shop)[0][3] == NOW + DAY

    shop.customers.change_subscription(first, status="active")  # as an answer of the day before would say
    shop.apply(now=NOW + DAY)
    assert customers(shop)[0][3] == NOW + DAY

    shop.customers.change_subscription(first, status="canceled")
    shop.fake.clock.advance(DAY)
    shop.customers.subscribe(ref)
    shop.apply(now=NOW + 2 * DAY)
    assert customers(shop)[0][3] is None


def test_one_deleted_at_stripe_ends_although_nothing_there_says_who_referred_them(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata=REFERRED)
    subscription = shop.customers.subscribe(ref)
    shop.apply()
    shop.fake.clock.advance(DAY)
    shop.customers.end_subscription(subscription)
    kept = shop.customers.kept["customers"]
    kept[ref] = {"id": ref, "object": "customer", "deleted": True}

    shop.apply([event for event in shop.events() if event.kind.endswith("deleted")], now=NOW + DAY)

    assert customers(shop) == [(ref, "BRK1", NOW, NOW + DAY)]


def test_one_of_another_partner_is_not_re_attributed(shop: Shop) -> None:
    shop.desk.partner("BRK2", program="broker-bounty", account="acct_3")
    ref = shop.customers.sign_up(metadata=REFERRED)
    shop.apply()
    shop.customers.kept["customers"][ref]["metadata"] = {"referral": "BRK2"}

    assert shop.apply() == ["referred by BRK1 already"]
    assert customers(shop) == [(ref, "BRK1", NOW, None)]


def test_one_whose_partner_is_not_known_yet_waits(shop: Shop) -> None:
    ref = shop.customers.sign_up(metadata={"referral": "BRK2"})
    with pytest.raises(NotYet, match="BRK2"):
        shop.apply()
    assert customers(shop) == []

    shop.desk.partner("BRK2", program="broker-bounty", account="acct_3")
    shop.apply()

    assert customers(shop) == [(ref, "BRK2", NOW, None)]


def test_one_of_a_partner_who_is_not_paid_by_customers_is_left_out(shop: Shop) -> None:
    shop.customers.sign_up(metadata={"referral": "CR1"})
    assert shop.apply() == ["creator does not pay by customers"]
    assert customers(shop) == []
