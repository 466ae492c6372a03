"""A rail to the fake, by the real SDK, on a time that passes only when somebody waits."""

from __future__ import annotations

from dataclasses import replace

from core.providers import Order
from core.providers.pace import Pace
from core.providers.stripe import StripeTransfers
from tests.desk import NOW
from tests.stripe.fake import FakeStripe

TEST_KEY = "sk_test_of_the_platform"
GROUP = "0b54b1b5-6f10-4f0f-9a51-7d5d0d4f1c11"
ORDER = Order(
    key=f"po_{GROUP}_1",
    params={
        "amount_minor": 24_75,
        "currency": "USD",
        "destination": "acct_1",
        "method": "stripe",
        "transfer_group": GROUP,
    },
    payout_id=1,
    n=1,
    at=NOW,
)
AGAIN = replace(ORDER, asked_before=True)


def order(**params: object) -> Order:
    """The order, frozen with other parameters under the same key."""
    return replace(ORDER, params=ORDER.params | params)


def moved(fake: FakeStripe) -> list[int]:
    """What left, in the books of the fake."""
    return [entry.amount for entry in fake.books() if entry.kind == "transfer"]


class Seconds:
    """A clock for waiting: waiting moves it and takes no time."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, for_s: float) -> None:
        self.waited.append(for_s)
        self.now_s += for_s


def rail_to(
    fake: FakeStripe,
    *,
    seconds: Seconds | None = None,
    secret_key: str = TEST_KEY,
    account_id: str = "acct_platform",
    timeouts_s: tuple[float, float] = (10.0, 60.0),
) -> StripeTransfers:
    """Return a rail to this fake; it never waits in earnest."""
    clock = seconds or Seconds()
    return StripeTransfers(
        secret_key=secret_key,
        account_id=account_id,
        api_base=fake.url,
        timeouts_s=timeouts_s,
        clock=clock,
        pace=Pace(rate_per_s=14, burst=5, clock=clock, sleep=clock.sleep),
    )
