"""A partner's account changed at the provider: what it is now is kept, and acted on as when the sender sees it."""

from __future__ import annotations

import time
from datetime import datetime

from sqlalchemy import Connection

from core.access import job_actor
from core.accounts import note_account
from core.events import Effect, Handler
from core.providers.events import EventSource, ProviderEvent
from core.providers.readiness import GONE
from core.providers.stripe_accounts import readiness_of

KINDS = frozenset(
    {
        "account.updated",
        "account.application.authorized",
        "account.application.deauthorized",
        "account.external_account.created",
        "account.external_account.updated",
        "account.external_account.deleted",
        "capability.updated",
    }
)


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Take the account in as it is now, whatever the event said of it; one we are shown no more is gone."""
    account = event.account
    assert account is not None, event.kind
    begun = time.monotonic()
    facts = source.fetch("account", account)
    seen = GONE if facts is None else readiness_of(facts)

    def effect(conn: Connection, now: datetime) -> str:
        return note_account(
            conn,
            source.name,
            account,
            seen,
            asked_ago_s=time.monotonic() - begun,
            actor=job_actor("events"),
            now=now,
        )

    return effect


HANDLER = Handler(kinds=KINDS, plan=plan, connected=True)
