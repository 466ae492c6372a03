"""Reads a provider's own list of events into the inbox, so that nothing depends on a webhook that arrives.

A list shows events late and out of order: what is younger than `LATE_BY` is read again every time, and written down once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, Engine, text

from core.events import handlers
from core.events.applying import FAULTS_IN_A_ROW
from core.events.inbox import record_events
from core.events.questions import ASKED_FOR, accounts_with_questions
from core.providers.events import EventSource
from core.providers.stripe_answers import StripeRefused
from core.runs import RANGE

log = logging.getLogger(__name__)

LATE_BY = timedelta(minutes=10)
CLOCKS_DIFFER = timedelta(minutes=5)  # the provider's may run ahead of ours
KEPT_FOR = timedelta(days=30)
# The platform's windows: one is held in memory at a time, and is not read again when a later one fails.
WINDOW = timedelta(days=1)
PLATFORM = ""


@dataclass(kw_only=True)
class Polled:
    """What was read: events not heard of before, accounts looked at, and those that were not reached.

    `gap` is the time the platform's list no longer goes back to.
    """

    new: int = 0
    accounts: int = 0
    not_reached: int = 0
    gap: tuple[datetime, datetime] | None = None


FIRST_DAY = text("SELECT min(created_at) FROM program")
GAP = text("""
    INSERT INTO event_gap (provider, since, until, found_at) VALUES (:provider, :since, :until, :now)
""")


def poll_platform(engine: Engine, source: EventSource, *, now: datetime) -> Polled:
    """Read what happened on the platform up to `now`, and write down a time that is lost to this list.

    The first time it reads from the desk's first day. Raises what the source raises; what was read before is kept.
    """
    oldest = now - KEPT_FOR
    with engine.connect() as conn:
        known = watermark(conn, source.name)
        start = known or min(conn.execute(FIRST_DAY).scalar_one_or_none() or now, now - WINDOW)
    result = Polled()
    if known is not None and known < oldest:
        result.gap = (known, oldest)
        with engine.begin() as conn:
            conn.execute(GAP, {"provider": source.name, "since": known, "until": oldest, "now": now})
            _move_watermark(conn, source.name, None, until=oldest, now=now)
    result.new = _read(engine, source, None, since=max(start, oldest), now=now)
    return result


def poll_accounts(
    engine: Engine,
    source: EventSource,
    *,
    now: datetime,
    again_after: timedelta = timedelta(),
    enough: Callable[[], bool] = lambda: False,
) -> Polled:
    """Read what happened on connected accounts with an open question, those looked at longest ago first, until `enough`.

    An account is looked at again after `again_after`. One that cannot be read holds back no other; several in a row are
    raised, and what was read before is kept.
    """
    with engine.connect() as conn:
        asked = accounts_with_questions(conn, source.name, now=now, looked_before=now - again_after)
    result, faults = Polled(not_reached=len(asked)), 0
    for account in asked:
        if enough():
            break
        with engine.connect() as conn:
            known = watermark(conn, source.name, account)
        start = max(known or now - ASKED_FOR, now - KEPT_FOR)
        try:
            result.new += _read(engine, source, account, since=start, now=now)
            faults = 0
        except StripeRefused:
            faults += 1
            if faults == FAULTS_IN_A_ROW:
                raise
            log.exception("the events of %s were not read", account)
            with engine.begin() as conn:  # its turn is over, and what it told is still to be read
                _move_watermark(conn, source.name, account, until=start, now=now)
        result.accounts += 1
        result.not_reached -= 1
    return result


def _read(engine: Engine, source: EventSource, account: str | None, *, since: datetime, now: datetime) -> int:
    """Read the events of the platform or of an account, window after window, each with its watermark."""
    kinds = sorted(kind for kind, one in handlers().items() if one.connected == (account is not None))
    window = WINDOW if account is None else KEPT_FOR
    new, start, last = 0, since, now + CLOCKS_DIFFER
    while True:
        end = min(start + window, last)
        events = source.events(kinds, since=start, until=end, account=account) if kinds else iter(())
        while some := list(islice(events, RANGE)):
            with engine.begin() as conn:
                new += record_events(conn, source.name, some, came_by="poll", now=now)
        with engine.begin() as conn:
            _move_watermark(conn, source.name, account, until=min(end, now - LATE_BY), now=now)
        if end >= last:
            return new
        start = end


LAST_LOOK = text("SELECT polled_at FROM event_watermark WHERE provider = :provider AND account = ''")


def last_look(conn: Connection, provider: str) -> datetime | None:
    """Return when the platform's list was last read to its end; None: never."""
    found: datetime | None = conn.execute(LAST_LOOK, {"provider": provider}).scalar()
    return found


WATERMARK = text("SELECT until FROM event_watermark WHERE provider = :provider AND account = :account")
MOVE = text("""
    INSERT INTO event_watermark (provider, account, until, polled_at) VALUES (:provider, :account, :until, :now)
    ON CONFLICT (provider, account) DO UPDATE
       SET until = greatest(event_watermark.until, excluded.until), polled_at = excluded.polled_at
""")


def watermark(conn: Connection, provider: str, account: str | None = None) -> datetime | None:
    """Return until when everything was read, of the platform or of an account; None: never looked at."""
    values = {"provider": provider, "account": account or PLATFORM}
    found: datetime | None = conn.execute(WATERMARK, values).scalar()
    return found


def _move_watermark(
    conn: Connection, provider: str, account: str | None, *, until: datetime, now: datetime
) -> None:
    values = {"provider": provider, "account": account or PLATFORM, "until": until, "now": now}
    conn.execute(MOVE, values)
