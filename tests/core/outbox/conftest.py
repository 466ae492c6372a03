from collections.abc import Iterator

import pytest

from tests.core.outbox.telling import Teller
from tests.desk import NOW, Desk
from tests.mail.gateway import FakeGateway
from tests.mail.server import FakeMail
from tests.stripe.fake import FakeStripe


@pytest.fixture
def mail() -> Iterator[FakeMail]:
    """A mail server of this test's own."""
    with FakeMail() as mail:
        yield mail


@pytest.fixture
def teller(desk: Desk, mail: FakeMail) -> Teller:
    """The desk with what it takes to write letters."""
    return Teller(desk=desk, mail=mail)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    """A Stripe of this test's own, its clock at the desk's `NOW`."""
    with FakeStripe(at=NOW) as fake:
        yield fake


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """An SMS gateway and a chat of this test's own."""
    with FakeGateway() as gateway:
        yield gateway
