"""The way from what the fake tells to what the desk did about it, as the job `events` goes it."""

from __future__ import annotations

from datetime import datetime

from core.events.applying import Applied, apply_due
from core.events.polling import poll_accounts, poll_platform
from core.providers.stripe import StripeTransfers
from core.providers.stripe_events import StripeEvents
from tests.desk import NOW, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import rail_to


def source_of(fake: FakeStripe, rail: StripeTransfers | None = None) -> StripeEvents:
    """The fake as a source of events, by the real SDK."""
    return StripeEvents(rail=rail or rail_to(fake))


def apply_all(desk: Desk, fake: FakeStripe, now: datetime = NOW) -> Applied:
    """Poll the fake for the platform and every account with an open question, and apply what is due at `now`."""
    source = source_of(fake)
    poll_platform(desk.engine, source, now=now)
    poll_accounts(desk.engine, source, now=now)
    return apply_due(desk.engine, source, now=now)
