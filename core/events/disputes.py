"""A dispute holds what the partner earned by the payment, takes it back when it is withdrawn, and puts it back when won."""

from __future__ import annotations

from datetime import datetime

from core.events import Effect, Handler
from core.events.paid import effect_of_payment
from core.providers.events import EventSource, ProviderEvent


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Take the dispute's payment in as it is now, with all that went back of it; one of no payment is none of ours."""
    dispute = source.fetch("dispute", event.object_ref)
    payment_ref = None if dispute is None else dispute.get("payment_intent")
    return effect_of_payment(source, payment_ref, refunds=False, disputes=True)


HANDLER = Handler(
    kinds=frozenset(
        f"charge.dispute.{what}"
        for what in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")
    ),
    plan=plan,
)
