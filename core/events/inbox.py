"""The inbox: what a provider told of, written down once however often and whichever way it came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core.events import handlers
from core.providers.events import ProviderEvent

CameBy = Literal["webhook", "poll"]

# Two processes that write down the same events meet in one order, so they never wait for each other in a circle.
RECORD = text("""
    INSERT INTO provider_event (provider, ref, kind, object_ref, account, created_at, received_at, came_by, next_try_at)
    SELECT :provider, t.ref, t.kind, t.object_ref, t.account, t.created_at, :now, :came_by, :now
      FROM unnest(CAST(:refs AS text[]), CAST(:kinds AS text[]), CAST(:object_refs AS text[]), CAST(:accounts AS text[]),
                  CAST(:created_ats AS timestamptz[])) AS t (ref, kind, object_ref, account, created_at)
     WHERE t.account IS NULL OR EXISTS (SELECT 1 FROM destination d WHERE d.account = t.account)
     ORDER BY t.ref
    ON CONFLICT (provider, ref) DO NOTHING
""")
WAKE = text("SELECT pg_notify('paydesk_events', '')")


def record_events(
    conn: Connection, provider: str, events: Iterable[ProviderEvent], *, came_by: CameBy, now: datetime
) -> int:
    """Write down the events that the desk acts on and has not heard of, and return how many those were.

    Left out: kinds without a handler, and accounts that are no partner's. What is new wakes the job that applies it.
    """
    wanted = [event for event in events if _is_wanted(event)]
    if not wanted:
        return 0
    values = {
        "provider": provider,
        "came_by": came_by,
        "now": now,
        "refs": [event.ref for event in wanted],
        "kinds": [event.kind for event in wanted],
        "object_refs": [event.object_ref for event in wanted],
        "accounts": [event.account for event in wanted],
        "created_ats": [event.created_at for event in wanted],
    }
    new = conn.execute(RECORD, values).rowcount
    if new:
        wake(conn)
    return new


def wake(conn: Connection) -> None:
    """Have the job that applies events look at once, when this transaction commits."""
    conn.execute(WAKE)


def _is_wanted(event: ProviderEvent) -> bool:
    handler = handlers().get(event.kind)
    return handler is not None and handler.connected == (event.account is not None)
