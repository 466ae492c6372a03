"""Where a worker can be killed: every commit, and every step of every HTTP exchange, numbered as they happen.

It is put on in the worker's own process, on what the desk stands on (SQLAlchemy's dialect, urllib3, http.client), so
that no line of the desk knows of it.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3.connection
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event

WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")


@dataclass
class Points:
    """The points passed so far, each written to `fd` at once; at number `at` this process gets `signal`."""

    fd: int
    at: int | None
    signal: int
    passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pass_by(self, label: str) -> None:
        """Count one point, and end or stop here if it is the one."""
        with self._lock:
            self.passed += 1
            os.write(self.fd, f"{label}\n".encode())
            if self.passed == self.at:
                # To this thread, which then does not take one step more; to the process, it might.
                signal.pthread_kill(threading.get_ident(), self.signal)


def watch_commits(engine: Engine, points: Points) -> None:
    """Make a point before each COMMIT is sent and after it came back, and around what commits by itself."""
    dialect, written = engine.dialect, threading.local()

    @event.listens_for(engine, "before_cursor_execute")
    def _before(conn: Connection, _c: object, statement: str, *_rest: object) -> None:
        if match := WRITES.match(statement):
            what = f"{match[1]} {match[2]}"
            if _alone(conn):
                points.pass_by(f"before {what}")
            else:
                written.first = getattr(written, "first", None) or what

    @event.listens_for(engine, "after_cursor_execute")
    def _after(conn: Connection, _c: object, statement: str, *_rest: object) -> None:
        if (match := WRITES.match(statement)) and _alone(conn):
            points.pass_by(f"after {match[1]} {match[2]}")

    commit: Callable[[Any], None] = dialect.do_commit

    def do_commit(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own word for a driver's connection
        first, written.first = getattr(written, "first", None) or "nothing", None
        if connection.driver_connection.info.transaction_status == TransactionStatus.IDLE:
            commit(connection)  # nothing was asked of the server, and no COMMIT is sent
            return
        points.pass_by(f"before COMMIT of {first}")
        commit(connection)
        points.pass_by(f"after COMMIT of {first}")

    dialect.do_commit = do_commit  # type: ignore[assignment, method-assign]


def _alone(conn: Connection) -> bool:
    return conn.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def watch_http(points: Points) -> None:
    """Make a point before a request leaves, when half of its answer is read, and when all of it is."""
    asked = threading.local()
    ask = urllib3.connection.HTTPConnection.request
    read = http.client.HTTPResponse.read
    whole = requests.Session.request

    def request(self: object, method: str, url: str, *rest: object, **more: object) -> None:
        asked.what = told(method, url)
        points.pass_by(f"{asked.what}: before it is sent")
        ask(self, method, url, *rest, **more)  # type: ignore[arg-type]

    def read_in_halves(self: http.client.HTTPResponse, amount: int | None = None) -> bytes:
        left = self.length or 0
        if left < 2 or getattr(self, "halved", False):
            return read(self, amount)
        self.halved = True  # type: ignore[attr-defined]
        half = read(self, left // 2)
        points.pass_by(f"{asked.what}: half of the answer read")
        return half + read(self, left - len(half))

    def answered(self: requests.Session, method: str, url: str, **more: object) -> requests.Response:
        answer = whole(self, method, url, **more)  # type: ignore[arg-type]
        points.pass_by(f"{asked.what}: answer read, nothing recorded")
        return answer

    urllib3.connection.HTTPConnection.request = request  # type: ignore[method-assign]
    http.client.HTTPResponse.read = read_in_halves  # type: ignore[assignment, method-assign]
    requests.Session.request = answered  # type: ignore[assignment, method-assign]


def told(method: str, url: str) -> str:
    """Return a request as the list of points names it, without ids and questions."""
    path = url.partition("?")[0]
    return f"{method} {re.sub(r'/(tr|acct|trr|evt|ch|pi|dp|re)_[^/]+', r'/{id}', path)}"
