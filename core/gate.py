"""The gate: what must hold before a process sends for the first time. Once open it stays open; a stop closes all sending.

A database restored from an older backup does not know what was sent since. So before anything leaves, the provider is
asked, with nothing held, for every transfer since shortly before the newest attempt known here: one of ours that no
attempt here made stops all sending, and so do books that do not hold. A provider that cannot be asked, or a key of another
account, raises: nothing is sent, and the job that wanted to send says why.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.providers import Provider
from core.reconcile_requests import ask_for_reconciliation
from core.stops import current_stop, stop_sending
from core.strays import stop_for_strays, strays_among
from core.verify import verify
from core.verify_due import sentence

# The provider dates with its own clock, and lists may miss what is new.
MARGIN = timedelta(hours=1)
LOOK_BACK = timedelta(hours=6)
# Its list has no end that matters: what it dates ahead of us is looked at as well.
LOOK_AHEAD = timedelta(days=2)


class Gate:
    """One process's way to a provider; shut until everything has been looked at once."""

    def __init__(self) -> None:
        self._open = False
        self._lock = Lock()

    def look(self, engine: Engine, provider: Provider, *, actor: Actor, now: datetime) -> bool:
        """Return whether the gate is open; open it if nothing stands against it, else stop all sending with the evidence.

        While sending is stopped there is nothing to open it for. Raises what the provider raises when it cannot be asked.
        """
        with self._lock:
            if not self._open:
                self._open = _may_open(engine, provider, actor=actor, now=now)
            return self._open


def _may_open(engine: Engine, provider: Provider, *, actor: Actor, now: datetime) -> bool:
    with engine.connect() as conn:
        if current_stop(conn) is not None:
            return False
        since = _since(conn, provider.name, now)
    listed = list(provider.list_transfers(since, now + LOOK_AHEAD))
    with engine.begin() as conn:
        strays = strays_among(conn, provider.name, listed)
        if strays:
            stop_for_strays(conn, strays, actor=actor, now=now)
            ask_for_reconciliation(conn, actor=actor, now=now)
            return False
    broken = _broken_books(engine)
    if broken:
        with engine.begin() as conn:
            stop_sending(conn, why=broken, actor=actor, now=now)
        return False
    return True


# Without any attempt: since there was anything that could have been sent.
NEWEST = text("""
    SELECT coalesce((SELECT max(started_at) FROM attempt WHERE provider = :provider),
                    least((SELECT min(created_at) FROM program), (SELECT min(queued_at) FROM payout)))
""")


def _since(conn: Connection, provider: str, now: datetime) -> datetime:
    newest: datetime | None = conn.execute(NEWEST, {"provider": provider}).scalar()
    return min(newest or now, now - LOOK_BACK) - MARGIN


# The check job recomputes all books every few minutes; what it found a moment ago need not be computed again.
CHECKED_JUST_NOW = text("""
    SELECT EXISTS (SELECT 1 FROM heartbeat WHERE job = 'check' AND started_at IS NULL AND note = ''
                      AND beat_at > now() - interval '10 minutes')
""")


def _broken_books(engine: Engine) -> str:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        if conn.execute(CHECKED_JUST_NOW).scalar_one():
            return ""
        return sentence({check.name: check.found for check in verify(conn)[0] if not check.ok})
