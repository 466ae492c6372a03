"""A desk beside a fake Stripe whose customers pay: what happens there reaches the desk as events, one by one or by polling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from core.events import handlers
from core.providers.events import ProviderEvent
from core.providers.stripe_events import StripeEvents
from tests.desk import NOW, Desk
from tests.stripe.commerce import Commerce
from tests.stripe.fake import FakeStripe
from tests.stripe.parts import Body


@dataclass
class Shop:
    """The desk, the fake, and the way between them."""

    desk: Desk
    fake: FakeStripe
    source: StripeEvents

    @property
    def customers(self) -> Commerce:
        """What customers, banks and Stripe do."""
        return self.fake.service.commerce

    def events(self) -> list[ProviderEvent]:
        """Everything the fake told so far, in order."""
        return [_event(told) for told in self.fake.platform.events]

    def apply(
        self, events: Iterable[ProviderEvent] | None = None, *, now: datetime = NOW
    ) -> list[str | None]:
        """Apply these events in this order, or all of them, as the job does; returns what each came to."""
        done: list[str | None] = []
        for event in self.events() if events is None else events:
            handler = handlers().get(event.kind)
            effect = handler.plan(self.source, event, now) if handler else None
            if effect is None:
                done.append(None)
                continue
            with self.desk.engine.begin() as conn:
                done.append(effect(conn, now))
        return done

    def state(self, payment: str) -> object:
        """What became of a payment."""
        return self.desk.scalar("SELECT state FROM payment WHERE payment_ref = :ref", ref=payment)

    def earnings(self) -> list[tuple[object, ...]]:
        """Every earning: kind, reference, amount."""
        kinds = self.desk.column("SELECT concat_ws(' ', kind, source_ref) FROM earning ORDER BY id")
        amounts = self.desk.column("SELECT amount_minor FROM earning ORDER BY id")
        return list(zip(kinds, amounts, strict=True))


def _event(told: Body) -> ProviderEvent:
    return ProviderEvent(
        ref=told["id"],
        kind=told["type"],
        object_ref=told["data"]["object"]["id"],
        account=told.get("account"),
        created_at=datetime.fromtimestamp(told["created"], UTC),
    )
