"""A customer's payment that succeeded makes a sale, or waits for a person, or is shown as paid outside."""

from __future__ import annotations

from datetime import datetime

from core.events import Effect, Handler
from core.events.paid import effect_of_payment
from core.providers.events import EventSource, ProviderEvent


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Take the payment in as it is now."""
    return effect_of_payment(source, event.object_ref, refunds=False, disputes=False)


HANDLER = Handler(kinds=frozenset({"payment_intent.succeeded"}), plan=plan)
