"""Two transactions made to meet: the first stands before its COMMIT with every lock in hand while the second begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine, event

from core.refusals import Refusal
from db.engine import app_role, make_engine

T = TypeVar("T")

# What one side did, in a word: "done", "claimed", or the code of a refusal.
Side = Callable[[Engine], str]

TIMEOUT_S = 60
LOOK_EVERY_S = 0.01

# The lock that the second waits for, as the first one's: the table its statement names.
WAITING = """
    SELECT b.query FROM pg_stat_activity a JOIN pg_stat_activity b ON a.pid = ANY (pg_blocking_pids(b.pid))
     WHERE a.datname = current_database() AND b.datname = current_database()
       AND a.application_name = 'first' AND b.application_name = 'second'
"""


def meet(database: str, first: Side, second: Side, *, at: str | None = "partner_balance") -> tuple[str, str]:
    """Run `first` until it is about to commit, start `second`, prove that it waits for the first's lock, let both end.

    `at` is the table whose row the second must be waiting for; None says that it must not wait at all, but finish
    while the first still holds everything. Returns what each of them did.
    """
    holds, go_on = Event(), Event()

    def stand_still(_conn: Connection) -> None:
        if not holds.is_set():
            holds.set()
            assert go_on.wait(TIMEOUT_S)

    with (
        _process(database, "first") as one,
        _process(database, "second") as two,
        psycopg.connect(database, autocommit=True) as observer,
        ThreadPoolExecutor(2) as threads,
    ):
        event.listen(one, "commit", stand_still)
        try:
            ahead = threads.submit(_answer, first, one)
            _until(holds, ahead)
            behind = threads.submit(_answer, second, two)
            if at is None:
                behind.result(TIMEOUT_S)
            else:
                _see_it_wait(observer, behind, at)
        finally:
            go_on.set()
        return ahead.result(TIMEOUT_S), behind.result(TIMEOUT_S)


@contextmanager
def _process(database: str, name: str) -> Iterator[Engine]:
    engine = make_engine(database, application_name=name, role=app_role(database))
    yield engine
    engine.dispose()


def _answer(side: Side, engine: Engine) -> str:
    try:
        return side(engine)
    except Refusal as refusal:
        return refusal.code


def _until(holds: Event, ahead: Future[str]) -> None:
    while not holds.wait(LOOK_EVERY_S):
        assert not ahead.done(), f"the first never came to its commit: {ahead.result()}"


def _see_it_wait(observer: psycopg.Connection, behind: Future[str], at: str) -> None:
    looking, elsewhere = Event(), None
    while True:
        row = observer.execute(WAITING).fetchone()
        if row is not None and at in row[0]:
            return
        # Seen once it may be the statement before: who waits and what it runs are not read at the same instant.
        assert row is None or row[0] != elsewhere, f"the second waits somewhere else: {elsewhere}"
        assert not behind.done(), f"the second did not wait: {behind.result()}"
        elsewhere = row and row[0]
        looking.wait(LOOK_EVERY_S)


BLOCKED_BY = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)))"


def waits_for(database: str, holder: psycopg.Connection, behind: Future[T]) -> None:
    """Come back as soon as somebody waits for a lock of `holder`."""
    looking = Event()
    with psycopg.connect(database, autocommit=True) as observer:
        while observer.execute(BLOCKED_BY, [holder.info.backend_pid]).fetchone() != (True,):
            assert not behind.done(), f"it did not wait: {behind.result()}"
            looking.wait(LOOK_EVERY_S)
