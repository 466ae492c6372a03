"""SMS and chat through Apprise, which knows the gateways: each is a URL, as `twilio://…/{phone}` or `slack://…`.

Apprise says yes or no; what it saw on the way is in its log. A no of the gateway is certain, and so is a gateway nobody
reached; anything else after the message had left is unclear, as with email.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import apprise

from core.channels import Delivery, Letter

PHONE = "{phone}"  # where a gateway's URL takes the number
ANSWERED = re.compile(r"error=(\d+)")
NOT_REACHED = re.compile(
    r"establish a new connection|NewConnectionError|ConnectTimeout|NameResolution|Connection refused|No route to host"
)
HTTP_MAX = 599
LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
OUR_SIGN_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

# Its log holds the very messages: it is read here and goes nowhere else.
LOG = logging.getLogger("apprise")
LOG.propagate = False
LOG.setLevel(logging.DEBUG)


class BadGateway(ValueError):
    """This is no URL that a message could be sent by."""


def check_gateway(url: str) -> None:
    """Refuse with BadGateway a URL that Apprise does not know how to use."""
    _way(url.replace(PHONE, "15550100001"))


def _way(url: str) -> apprise.Apprise:
    way = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Paydesk", async_mode=False))
    if not way.add(url):
        raise BadGateway("is no address that messages can be sent by; see github.com/caronc/apprise")
    return way


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One gateway; its `url` holds its secrets. Each letter is handed over on a connection of its own."""

    url: str = field(repr=False)

    def deliver(self, letter: Letter) -> Delivery:
        """Hand the letter over and return what came of it; only the subject where the URL takes a number."""
        is_sms = PHONE in self.url
        try:
            numbers = [address.removeprefix("+") for _, address in letter.to]
            way = _way(self.url.replace(PHONE, "/".join(numbers)))
        except BadGateway:
            return Delivery(outcome="later", words="The gateway's address is not understood", away=True)
        with _what_it_says() as said:
            taken = (
                way.notify(body=letter.subject)
                if is_sms
                else way.notify(title=letter.subject, body=letter.body, body_format=apprise.NotifyFormat.TEXT)
            )
        return Delivery(outcome="sent", words="The gateway took it") if taken else _no("\n".join(said))

    def close(self) -> None:
        """Hold nothing open."""


def _no(said: str) -> Delivery:
    answered = ANSWERED.search(said)
    if answered is None:
        if NOT_REACHED.search(said):
            return Delivery(outcome="later", words="The gateway is away", away=True)
        return Delivery(outcome="unclear", words="Handed over, and no answer came", away=True)
    status = int(answered[1])
    words = f"The gateway answered {status}"
    if status > HTTP_MAX:  # a code of its own, which only a no carries
        return Delivery(outcome="refused", words=words)
    if status in OUR_SIGN_IN:  # whoever the message is for
        return Delivery(outcome="later", words=f"{words}: it refused our sign-in", away=True)
    if status in LATER:
        return Delivery(outcome="later", words=words, away=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Delivery(outcome="unclear", words=f"{words}: it may have sent it", away=True)
    return Delivery(outcome="refused", words=words)


# Apprise sends in a thread of its own and takes the context along: what it says there belongs to this letter.
HEARD: Final[ContextVar[list[str] | None]] = ContextVar("heard", default=None)


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        heard = HEARD.get()
        if heard is not None:
            heard.append(record.getMessage())


LOG.addHandler(_Listener(logging.DEBUG))


@contextmanager
def _what_it_says() -> Iterator[list[str]]:
    """Give what Apprise logs about this letter meanwhile."""
    heard: list[str] = []
    token = HEARD.set(heard)
    try:
        yield heard
    finally:
        HEARD.reset(token)
