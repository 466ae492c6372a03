"""A mail server of our own on loopback: it keeps what it accepted, and goes wrong when told to."""

from __future__ import annotations

import email
import socketserver
from collections import deque
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from threading import Event, Thread
from types import TracebackType
from typing import Self, cast

from core.channels.smtp import MailServer


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One letter the server took."""

    sender: str
    to: tuple[str, ...]
    message: EmailMessage

    @property
    def body(self) -> str:
        return str(self.message.get_content())


@dataclass
class Trouble:
    """What the server does at a step instead of going on: `reply`, hang until let go, or hang up.

    Steps: connect, MAIL, RCPT, DATA, content (before it is accepted), accepted (taken, before the answer).
    """

    step: str
    reply: str | None = None
    hang_up: bool = False
    hang: bool = False
    reached: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)


class HungUp(Exception):
    pass


class Handler(socketserver.StreamRequestHandler):
    """Speaks just enough SMTP."""

    def handle(self) -> None:
        mail = cast("Server", self.server).mail
        mail.connections += 1
        try:
            self._talk(mail)
        except (HungUp, OSError):
            return

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())

    def _trouble(self, mail: FakeMail, step: str) -> bool:
        """Do what is laid down for this step; True: it was answered already."""
        if not mail.troubles or mail.troubles[0].step != step:
            return False
        trouble = mail.troubles.popleft()
        trouble.reached.set()
        if trouble.hang:
            trouble.go_on.wait(60)
        if trouble.hang_up:
            raise HungUp
        if trouble.reply is not None:
            self._say(trouble.reply)
            return True
        return False

    def _talk(self, mail: FakeMail) -> None:
        self.sender, self.to = "", list[str]()
        if not self._trouble(mail, "connect"):
            self._say("220 mail.test ready")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            mail.verbs.append(verb.upper())
            if not self._trouble(mail, verb.upper()):
                self._answer(mail, verb.upper(), rest.partition(":")[2])

    def _answer(self, mail: FakeMail, verb: str, address: str) -> None:
        if verb == "MAIL":
            self.sender, self.to = address.split(maxsplit=1)[0].strip("<>"), []
        if verb == "RCPT":
            self.to.append(address.strip("<> "))
        if verb != "DATA":
            known = verb in {"EHLO", "HELO", "NOOP", "RSET", "MAIL", "RCPT"}
            self._say("250 fine" if known else "502 what?")
            return
        self._say("354 go on")
        content = self._content()
        if self._trouble(mail, "content"):
            return
        message = email.message_from_bytes(content, policy=default)
        mail.accepted.append(Accepted(sender=self.sender, to=tuple(self.to), message=message))
        if not self._trouble(mail, "accepted"):
            self._say("250 taken")

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if line == b"":
            raise HungUp
        return b"".join(lines)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    mail: FakeMail


class FakeMail:
    """The server in this process; `with FakeMail() as mail:` serves until its end."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.troubles: deque[Trouble] = deque()
        self.verbs: list[str] = []
        self.connections = 0
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.mail = self

    @property
    def at(self) -> MailServer:
        """Where it listens."""
        return MailServer(host="127.0.0.1", port=self._server.server_address[1], security="none")

    def trouble(
        self, step: str, reply: str | None = None, *, hang_up: bool = False, hang: bool = False
    ) -> Trouble:
        """Lay down what goes wrong when this step is next reached."""
        self.troubles.append(Trouble(step, reply, hang_up, hang))
        return self.troubles[-1]

    def stop(self) -> None:
        """Let everything that hangs go, and serve no more."""
        for trouble in self.troubles:
            trouble.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


def nobody_listens() -> MailServer:
    """An address where no server is: a port that no system hands out by itself."""
    return MailServer(host="127.0.0.1", port=1, security="none")
