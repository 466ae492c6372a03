"""An SMS gateway or a chat on loopback, spoken to through Apprise's plain JSON: it keeps what it got, and goes wrong."""

from __future__ import annotations

import json
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Self, cast

from core.channels.gateway import PHONE, Gateway

PATIENT = "?cto=60&rto=60"  # as Apprise writes it: seconds to connect and to be answered


class Handler(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as it was told to."""

    def do_POST(self) -> None:
        gateway = cast("Server", self.server).gateway
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        gateway.reached.set()
        if gateway.hangs is not None:
            gateway.hangs.wait(60)
        answer = gateway.answers.popleft() if gateway.answers else 200
        if answer == 0:  # hang up
            return
        if answer == 200:
            gateway.taken.append((self.path, str(content["title"]), str(content["message"])))
        self.send_response(answer)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        del format, args


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    gateway: FakeGateway


class FakeGateway:
    """The gateway in this process; `taken` holds path, title and words of what it accepted."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.answers: deque[int] = deque()  # statuses still to come; 0: hang up; none left: 200
        self.hangs: Event | None = None
        self.reached = Event()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.gateway = self

    @property
    def sms(self) -> Gateway:
        """The way for SMS: the number stands in the address."""
        return Gateway(url=f"{self.url}/sms/{PHONE}{PATIENT}")

    @property
    def chat(self) -> Gateway:
        """The way to a chat."""
        return Gateway(url=f"{self.url}/chat{PATIENT}")

    @property
    def url(self) -> str:
        """Where it listens, as Apprise writes it."""
        return f"json://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Let what hangs go, and serve no more."""
        if self.hangs is not None:
            self.hangs.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
