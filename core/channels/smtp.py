"""Email by SMTP. What the server said before it had the whole letter is certain; silence after that is unclear.

One connection serves a run. Every step has its time limit and every letter one for all of its steps, so that a server
that hangs, or answers letter by letter, costs a minute and nothing else.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Timer
from typing import Literal

from core.channels import BadAddress, Delivery, Letter, as_email

Security = Literal["none", "starttls", "tls"]

STEP_S, LETTER_S = 15.0, 60.0
OK, GO_ON, REFUSED = 2, 3, 5  # what a reply's first figure means
LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where letters are handed over; without a `user` it asks for none."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(kw_only=True)
class Smtp:
    """A mail server, for one thread. `sender` is a name, which may be empty, and an address."""

    server: MailServer
    sender: tuple[str, str]
    step_s: float = STEP_S
    letter_s: float = LETTER_S
    _session: smtplib.SMTP | None = field(default=None, init=False, repr=False)
    _late: bool = field(default=False, init=False, repr=False)

    def deliver(self, letter: Letter) -> Delivery:
        """Hand the letter over and return what came of it."""
        try:
            content = LEADING_DOT.sub(b"..", as_email(letter, self.sender).as_bytes())
        except BadAddress:
            return Delivery(outcome="refused", words="The address is none that can be written to")
        self._late = False
        timer = Timer(self.letter_s, self._cut)
        timer.daemon = True
        timer.start()
        try:
            delivery = self._hand_over(self._ready(), letter, content)
        except (smtplib.SMTPException, OSError) as fault:
            delivery = Delivery(outcome="later", words=_said(fault), away=True)
        finally:
            timer.cancel()
        if delivery.away or delivery.outcome == "unclear":
            self.close()
        return delivery

    def close(self) -> None:
        """End the connection."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(smtplib.SMTPException, OSError):
                session.close()

    def _cut(self) -> None:
        """Break the connection off: the letter's time is over."""
        self._late = True
        session = self._session
        with suppress(OSError):
            if session is not None and session.sock is not None:
                session.sock.shutdown(socket.SHUT_RDWR)

    def _ready(self) -> smtplib.SMTP:
        """Return the open session, or a new one where it has ended."""
        if self._session is not None and not _alive(self._session):
            self.close()
        if self._session is None:
            self._session = self._new_session()
            self._sign_in(self._session)
        return self._session

    def _new_session(self) -> smtplib.SMTP:
        own_name = self.sender[1].rpartition("@")[2]  # looking up the machine's own name may take long
        session = (
            smtplib.SMTP_SSL(
                timeout=self.step_s, local_hostname=own_name, context=ssl.create_default_context()
            )
            if self.server.security == "tls"
            else smtplib.SMTP(timeout=self.step_s, local_hostname=own_name)
        )
        # What TLS checks the certificate by; given to the constructor it would connect before it can be cut off.
        session._host = self.server.host  # type: ignore[attr-defined]  # noqa: SLF001
        return session

    def _sign_in(self, session: smtplib.SMTP) -> None:
        code, words = session.connect(self.server.host, self.server.port)
        if self._late:  # while there was nothing to break off yet
            raise TimeoutError
        if code // 100 != OK:
            raise smtplib.SMTPConnectError(code, words)
        if self.server.security == "starttls":
            session.starttls(context=ssl.create_default_context())
        session.ehlo_or_helo_if_needed()
        if self.server.user is not None:
            session.login(self.server.user, self.server.password or "")

    def _hand_over(self, session: smtplib.SMTP, letter: Letter, content: bytes) -> Delivery:
        code, words = session.mail(self.sender[1])
        if code // 100 != OK:  # whoever the letter is for
            return Delivery(outcome="later", words=_reply(code, words), away=True)
        replies = [session.rcpt(address) for _, address in letter.to]
        refused = [reply for reply in replies if reply[0] // 100 != OK]
        if len(refused) == len(replies):
            session.rset()
            never = all(code // 100 == REFUSED for code, _ in refused)
            return Delivery(outcome="refused" if never else "later", words=_reply(*refused[0]))
        code, words = session.docmd("DATA")
        if code // 100 != GO_ON:
            session.rset()
            return _no(code, words)
        try:
            session.send(content + b".\r\n")
            code, words = session.getreply()
        except (smtplib.SMTPException, OSError) as fault:
            return Delivery(outcome="unclear", words=f"Handed over, and no answer came: {_said(fault)}")
        if code // 100 != OK:
            return _no(code, words)
        if refused:
            some = f"{len(refused)} of {len(replies)} addresses were refused: {_reply(*refused[0])}"
            return Delivery(outcome="sent", words=some)
        return Delivery(outcome="sent", words=_reply(code, words))


def _alive(session: smtplib.SMTP) -> bool:
    try:
        return session.noop()[0] // 100 == OK
    except (smtplib.SMTPException, OSError):
        return False


def _no(code: int, words: bytes) -> Delivery:
    return Delivery(outcome="refused" if code // 100 == REFUSED else "later", words=_reply(code, words))


def _reply(code: int, words: bytes) -> str:
    return f"{code} {words.decode(errors='replace')}"


def _said(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return f"The mail server refused our sign-in: {fault.smtp_code}"
    if isinstance(fault, smtplib.SMTPResponseException):
        words = fault.smtp_error
        return _reply(fault.smtp_code, words if isinstance(words, bytes) else words.encode())
    return f"The mail server is away: {fault or type(fault).__name__}"
