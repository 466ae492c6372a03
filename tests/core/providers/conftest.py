from collections.abc import Iterator

import pytest

from core.providers.stripe import StripeTransfers
from tests.desk import NOW
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import Seconds, rail_to


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A Stripe of this test's own, its clock at the desk's `NOW`, with one account that can be paid."""
    with FakeStripe(at=NOW) as fake:
        fake.platform.add_account("acct_1")
        yield fake


@pytest.fixture
def seconds() -> Seconds:
    """The rail's clock for waiting."""
    return Seconds()


@pytest.fixture
def rail(fake: FakeStripe, seconds: Seconds) -> StripeTransfers:
    """The rail to it, which never waits in earnest."""
    return rail_to(fake, seconds=seconds)
