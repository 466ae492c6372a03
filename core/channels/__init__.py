"""Ways of bringing a message to people. A channel is added by adding a file here that fulfils `Channel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One message as it goes out; the same `ref` gives the same Message-ID, whoever sends it and however often."""

    ref: str
    to: Sequence[tuple[str, str]]  # name, which may be empty, and address
    subject: str
    body: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What came of one try: sent, later (not taken for now), refused (never), or unclear (taken or not).

    `away` says that it is the channel's fault, not the letter's: no other one will fare better now.
    """

    outcome: Literal["sent", "later", "refused", "unclear"]
    words: str
    away: bool = False


class Channel(Protocol):
    """A way out; it decides nothing and keeps no letter."""

    def deliver(self, letter: Letter) -> Delivery:
        """Hand the letter over, within a minute, and return what came of it; it raises nothing that it can foresee."""
        ...

    def close(self) -> None:
        """Give back what it holds open."""
        ...


class BadAddress(ValueError):
    """This is no address to write to."""


def as_email(letter: Letter, sender: tuple[str, str]) -> EmailMessage:
    """Return the letter as an email in plain text. Refuses with BadAddress what no mail server can read."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{letter.ref}@{sender[1].rpartition('@')[2]}>"
    message["Date"] = letter.at
    message["From"] = check_address(*sender)
    message["To"] = tuple(check_address(*each) for each in letter.to)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message


def check_address(name: str, address: str) -> Address:
    """Return a name and an address as a header takes them. Refuses with BadAddress."""
    try:
        written = Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError) as fault:
        raise BadAddress(str(fault)) from fault
    if not (written.username and written.domain and address.isascii() and address.isprintable()):
        raise BadAddress("an address has a name and a domain, in plain letters")
    return written
