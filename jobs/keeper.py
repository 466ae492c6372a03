"""Keeps the session that holds a job's lock awake, so that a process that stands still loses the lock and one at work does not.

A killed process takes its session with it; one that was stopped (Ctrl-Z, a frozen machine) keeps the socket open, and would
keep the lock for ever. So the server ends the session once it was idle for a while, and a thread here never lets it be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, text

log = logging.getLogger(__name__)

PINGS_PER_IDLE = 6
SET_IDLE = text("SELECT set_config('idle_session_timeout', :idle_ms, false)")
RESET_IDLE = text("RESET idle_session_timeout")


class Keeper(threading.Thread):
    """Asks the server something now and then; `alive` is judged by the monotonic clock, before the server's own verdict."""

    def __init__(self, connection: psycopg.Connection, *, idle_s: float) -> None:
        super().__init__(name="keeper", daemon=True)
        self._connection, self._idle_s = connection, idle_s
        self._ended = threading.Event()
        self._lost = False
        self._heard_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """The session was there less than its idle time ago, so the lock is still ours; once lost it stays lost."""
        self._lost = self._lost or time.monotonic() - self._heard_at >= self._idle_s
        return not self._lost

    def run(self) -> None:
        """Ask until ended, or until nobody answers."""
        while not self._ended.wait(self._idle_s / PINGS_PER_IDLE):
            asked_at = time.monotonic()
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error as fault:
                log.warning("a job's lock is lost: %s", fault)
                self._lost = True
            if not self.alive:
                return
            self._heard_at = asked_at

    def end(self) -> None:
        """Let the session be idle again."""
        self._ended.set()
        self.join()


KEEPERS: WeakKeyDictionary[Connection, Keeper] = WeakKeyDictionary()


@contextmanager
def kept_awake(conn: Connection, *, idle_s: float) -> Iterator[None]:
    """Have the server end this session after `idle_s` without a word, and keep it awake meanwhile."""
    conn.execute(SET_IDLE, {"idle_ms": str(round(idle_s * 1000))})
    driver = conn.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        message = f"a lock's session goes through psycopg, not {type(driver).__name__}"
        raise TypeError(message)
    keeper = KEEPERS[conn] = Keeper(driver, idle_s=idle_s)
    keeper.start()
    try:
        yield
    finally:
        keeper.end()
    if keeper.alive:
        conn.execute(RESET_IDLE)


def is_alive(conn: Connection) -> bool:
    """Tell whether the lock of this session is still held by this process; a session nobody keeps awake counts as held."""
    keeper = KEEPERS.get(conn)
    return keeper is None or keeper.alive
