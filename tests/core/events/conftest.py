from collections.abc import Iterator

import pytest

from tests.core.events.banking import Bank
from tests.core.events.shop import Shop
from tests.desk import NOW, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.telling import source_of


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A Stripe of this test's own, its clock at the desk's `NOW`, with one account that can be paid."""
    with FakeStripe(at=NOW) as fake:
        fake.platform.add_account("acct_1")
        yield fake


@pytest.fixture
def shop(desk: Desk, fake: FakeStripe) -> Shop:
    """The desk with one creator, and a shop at the fake."""
    desk.partner("CR1", program="creator")
    return Shop(desk, fake, source_of(fake))


@pytest.fixture
def bank(desk: Desk, fake: FakeStripe) -> Bank:
    """The desk and a fake with the account `acct_1`, of which nothing was told so far."""
    return Bank(desk, fake)
