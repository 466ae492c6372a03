"""A wire between a worker and PostgreSQL that breaks at a chosen COMMIT: before the server gets it, or after it is done.

It stands between the two as a TCP proxy and reads what passes: `COMMIT` travels as a simple query, and ReadyForQuery
says that the server has finished with it.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

from sqlalchemy import make_url

Where = Literal["before", "after"]
COMMIT = b"COMMIT\0"
QUERY, READY = b"Q", b"Z"
LONGEST = 1 << 20


class Cut(Exception):
    """This connection ends here."""


class Wire:
    """The proxy; `commits` counts those that were asked for, and the `at`-th is lost, once."""

    def __init__(self, url: str, *, at: int | None = None, where: Where = "after") -> None:
        self._target = make_url(url)
        self._at, self._where = at, where
        self._lock = threading.Lock()
        self.commits = 0
        self.lost = 0

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=16)
        threading.Thread(target=self._accept, name="wire", daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    @property
    def url(self) -> str:
        """The database by this wire."""
        port = self._listening.getsockname()[1]
        query = {"sslmode": "disable", "gssencmode": "disable"}
        through = self._target.set(host="127.0.0.1", port=port, query=query)
        return through.render_as_string(hide_password=False)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Line(self, client, self._connect())

    def _connect(self) -> socket.socket:
        host = self._target.query.get("host") or self._target.host or "127.0.0.1"
        assert isinstance(host, str)
        port = self._target.port or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def asked_to_commit(self) -> Where | None:
        """Count one COMMIT and say how this one is lost."""
        with self._lock:
            self.commits += 1
            if self.commits != self._at:
                return None
            self.lost += 1
            return self._where


class Line:
    """One connection: each way has its thread."""

    def __init__(self, wire: Wire, client: socket.socket, server: socket.socket) -> None:
        self._wire, self._client, self._server = wire, client, server
        self._ended = threading.Semaphore(0)
        self._silent = threading.Event()  # from here on the server's answers are kept back
        for way in (self._to_server, self._to_client):
            threading.Thread(target=self._run, args=(way,), name=way.__name__, daemon=True).start()

    def _run(self, way: Callable[[], None]) -> None:
        with suppress(OSError, Cut, EOFError):
            way()
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if self._ended.acquire(blocking=False):  # the other way has ended before
            self._client.close()
            self._server.close()
        else:
            self._ended.release()

    def _to_server(self) -> None:
        (length,) = struct.unpack("!i", first := _exactly(self._client, 4))
        self._server.sendall(first + _exactly(self._client, length - 4))
        while True:
            kind, message = _message(self._client)
            if kind == QUERY and message[5:].upper() == COMMIT:
                lost = self._wire.asked_to_commit()
                if lost == "before":
                    raise Cut
                if lost == "after":
                    self._silent.set()
            self._server.sendall(message)

    def _to_client(self) -> None:
        while True:
            kind, message = _message(self._server)
            if not self._silent.is_set():
                self._client.sendall(message)
            elif kind == READY:
                raise Cut


def _message(end: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(end, 5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + _exactly(end, length - 4)


def _exactly(end: socket.socket, size: int) -> bytes:
    assert size <= LONGEST
    read = bytearray()
    while len(read) < size:
        part = end.recv(size - len(read))
        if not part:
            raise EOFError
        read += part
    return bytes(read)
