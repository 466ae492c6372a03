"""A desk whose partner is paid at an account of the fake's, and what is told of that account, applied in any order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from core.events import NotYet
from core.providers.events import ProviderEvent
from core.sending import send_due
from tests.core.events.shop import Shop
from tests.desk import NOW, Balance, Desk
from tests.stripe.banks import Banks
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import rail_to
from tests.stripe.telling import source_of

ACCOUNT = "acct_1"
STATE = "ready, reasons, whose, due, due_by, banks, had_bank"
ARRIVAL = (
    "payout_id, account, bank_ref, step, asked_for, made_at, status, arrival_date, failure_code, failure"
)


@dataclass
class Bank:
    """The desk, the fake, and the way between them; `heard` is how many of the fake's events were applied."""

    desk: Desk
    fake: FakeStripe
    heard: int = 0
    outcomes: list[str | None] = field(default_factory=list)

    @property
    def banks(self) -> Banks:
        """What owners, banks and Stripe do."""
        return self.fake.service.banks

    def paid(self, code: str = "AFF1", amount: str = "25.00") -> tuple[int, str]:
        """A payout that was sent through the fake, and the transfer it became."""
        payout = self.desk.approved(code, amount)
        send_due(self.desk.engine, rail_to(self.fake), now=NOW)
        assert self.desk.status(payout) == "paid"
        query = "SELECT provider_ref FROM attempt WHERE payout_id = :id"
        return payout, str(self.desk.scalar(query, id=payout))

    def news(self) -> list[ProviderEvent]:
        """What the fake told since this was asked last."""
        told = self._shop.events()[self.heard :]
        self.heard += len(told)
        return told

    def apply(self, events: Iterable[ProviderEvent] | None = None, *, now: datetime = NOW) -> None:
        """Apply these events in this order, or all news; what has to wait comes again at the end."""
        waiting = list(self.news() if events is None else events)
        for event in [*waiting]:
            try:
                self.outcomes += self._shop.apply([event], now=now)
            except NotYet:
                self.outcomes.append("not yet")

    def apply_anyhow(self, seed: int, *, now: datetime = NOW) -> None:
        """Apply all news up to three times each, in an order of chance."""
        dice = random.Random(seed)
        events = [event for event in self.news() for _ in range(dice.randint(1, 3))]
        dice.shuffle(events)
        self.apply(events, now=now)

    def state(self, account: str = ACCOUNT) -> object:
        """What is known of an account, but when it was asked."""
        return self.desk.scalar(f"SELECT ({STATE})::text FROM account_state WHERE account = :a", a=account)  # noqa: S608

    def arrivals(self) -> list[object]:
        """What is known of the banks, but since when."""
        return self.desk.column(f"SELECT ({ARRIVAL})::text FROM bank_arrival ORDER BY payout_id")  # noqa: S608

    def arrival(self, payout: int) -> object:
        """How far a payout got on its way to the bank."""
        return self.desk.scalar("SELECT status FROM bank_arrival WHERE payout_id = :id", id=payout)

    def held(self) -> list[object]:
        """The partner's holds in force, by reason."""
        return self.desk.column("SELECT reason FROM hold WHERE closed_at IS NULL ORDER BY id")

    def balance(self, code: str = "AFF1") -> Balance:
        """The partner's balance."""
        return self.desk.balance(code)

    @property
    def _shop(self) -> Shop:
        return Shop(self.desk, self.fake, source_of(self.fake))
