"""A Stripe of our own, served over HTTP: it keeps its books, remembers keys, and goes wrong when told to.

For a person: `python -m tests.stripe.fake --port 12111`, then STRIPE_API_BASE=http://127.0.0.1:12111 with any test key
and STRIPE_ACCOUNT_ID=acct_platform. It is steered and read by JSON at /fake/:

    GET  /fake/books                                     every movement of money
    POST /fake/faults   {"kind": "drop_after"}           what goes wrong next (tests/stripe/faults.py)
    POST /fake/clock    {"hours": 25}                    moves its clock forward
    POST /fake/funds    {"usd": 100000}                  pays in, in the smallest unit
    POST /fake/accounts {"id": "acct_1", "payouts_enabled": false}
    POST /fake/lag      {"seconds": 600}                 how long lists miss what is new
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import struct
from dataclasses import asdict
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.stripe.faults import Fault, Kind
from tests.stripe.parts import Body, Clock
from tests.stripe.platform import Entry, Platform
from tests.stripe.service import Asked, Reply, Service

Request = socket.socket | tuple[bytes, socket.socket]
RESET = struct.pack("ii", 1, 0)  # linger 0: closing the connection resets it


def read_form(written: str) -> Body:
    """Return form fields as Stripe reads them: a[b]=c is a mapping, a[]=b and a[0]=b are lists."""
    read: Body = {}
    for name, value in parse_qsl(written, keep_blank_values=True):
        outer, *inner = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        if not inner:
            read[outer] = value
        elif inner[0] == "" or inner[0].isdigit():
            read.setdefault(outer, []).append(value)
        else:
            read.setdefault(outer, {})[inner[0]] = value
    return read


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve("")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def log_message(self, *_args: object) -> None:
        """Keep quiet: `asked` has every request."""

    def _serve(self, content: str) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/fake/"):
            self._send(self.server.fake.steer(self.command, parts.path, content))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        params = read_form(parts.query) | read_form(content)
        asked = Asked(method=self.command, path=parts.path, params=params, headers=headers)
        self._send(self.server.fake.service.answer(asked))

    def _send(self, reply: Reply) -> None:
        if reply.sent:
            headers = {"Content-Type": reply.kind, "Content-Length": str(len(reply.content))} | reply.headers
            head = [f"HTTP/1.1 {reply.status} Fake", *(f"{name}: {value}" for name, value in headers.items())]
            content = reply.content[: len(reply.content) // 2] if reply.cut else reply.content
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + content)
        if not reply.sent or reply.cut:
            self.close_connection = True
        if not reply.sent:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


class Server(ThreadingHTTPServer):
    """One thread per connection; stopping closes those that are open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeStripe) -> None:
        self.fake = fake
        self.open: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: Request, client_address: object) -> None:
        if isinstance(request, socket.socket):
            self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        if isinstance(request, socket.socket):
            self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Request, client_address: object) -> None:
        """A client that went away is what these tests are about."""


class FakeStripe:
    """The fake, in this process. `at` makes its clock stand still until it is moved; it starts with funds and no accounts."""

    def __init__(
        self, *, at: datetime | None = None, port: int = 0, any_account: bool = False, livemode: bool = False
    ) -> None:
        self.clock = Clock(at)
        self.platform = Platform(self.clock, any_account=any_account, livemode=livemode)
        self.platform.funds.update({"usd": 100_000_000, "eur": 100_000_000})
        self.service = Service(self.platform)
        self._port = port
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address, which stays the same when it is stopped and started again."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to answer."""
        server = self._server = Server(("127.0.0.1", self._port), self)
        self._port = server.server_port
        Thread(target=server.serve_forever, args=(0.02,), name="fake stripe", daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, until started again; the books stay."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._server = None

    def fault(self, kind: Kind, **how: object) -> None:
        """Make the next creation of a transfer go wrong, or what `how` names (tests/stripe/faults.py)."""
        self.service.faults.add(Fault(kind=kind, **how))  # type: ignore[arg-type]

    def books(self) -> tuple[Entry, ...]:
        """Every movement of money so far."""
        return self.service.books()

    def asked(self, method: str, path: str) -> list[Asked]:
        """The requests of one kind that arrived."""
        return [each for each in list(self.service.asked) if (each.method, each.path) == (method, path)]

    def steer(self, method: str, path: str, content: str) -> Reply:
        """Do what a person asks at /fake/."""
        told: Body = json.loads(content or "{}")
        match (method, path.removeprefix("/fake/")):
            case ("GET", "books"):
                return _shown([asdict(entry) for entry in self.books()])
            case ("POST", "faults"):
                self.fault(**told)
            case ("POST", "clock"):
                self.clock.advance(timedelta(**told))
            case ("POST", "funds"):
                self.platform.funds.update(told)
            case ("POST", "accounts"):
                self.platform.add_account(told.pop("id"), **told)
            case ("POST", "lag"):
                self.platform.list_lag = timedelta(**told)
            case _:
                return Reply(status=404)
        return _shown({"now": self.clock.now(), "available": self.platform.available()})


def _shown(content: object) -> Reply:
    return Reply(content=json.dumps(content, indent=2, default=str).encode() + b"\n")


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.stripe.fake", description="A fake Stripe.")
    parser.add_argument("--port", type=int, default=12111)
    fake = FakeStripe(port=parser.parse_args().port, any_account=True)
    fake.start()
    print(f"A fake Stripe answers at {fake.url}; Ctrl-C ends it.", flush=True)  # noqa: T201
    try:
        Event().wait()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
