"""A refund takes back what the partner earned by the payment, and one that fails puts it back."""

from __future__ import annotations

from datetime import datetime

from core.events import Effect, Handler
from core.events.paid import effect_of_payment
from core.providers.events import EventSource, ProviderEvent


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Take the refund's payment in as it is now, with all that went back of it; one of no payment is none of ours."""
    thing = source.fetch("charge" if event.kind == "charge.refunded" else "refund", event.object_ref)
    payment_ref = None if thing is None else thing.get("payment_intent")
    return effect_of_payment(source, payment_ref, refunds=True, disputes=False)


HANDLER = Handler(
    kinds=frozenset({"charge.refunded", "refund.created", "refund.updated", "refund.failed"}), plan=plan
)
