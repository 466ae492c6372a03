"""Reads the settings of messages: where they are handed over, who they are from, and who in the team is told."""

from __future__ import annotations

from email.utils import getaddresses
from urllib.parse import unquote, urlsplit

from core.channels import BadAddress, check_address
from core.channels.smtp import MailServer, Security
from core.messages import LANGUAGES

PORTS: dict[Security, int] = {"none": 25, "starttls": 587, "tls": 465}
SCHEMES = ("smtp", "smtps")
EXAMPLE = "smtp://user:password@mail.example.com:587?starttls"

Named = tuple[str, str]  # a name, which may be empty, and an address


def mail_server(written: str) -> MailServer:
    """Read the address of a mail server; refuses with ValueError, whose words never repeat the password."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        raise ValueError(f"is no address of a mail server; it is written as {EXAMPLE}") from None
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"is no address of a mail server; it is written as {EXAMPLE}")
    if parts.query not in {"", "starttls"} or (parts.scheme == "smtps" and parts.query):
        raise ValueError("asks for what is not known: ?starttls on smtp:// is all there is.")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("needs both a user and a password, or neither.")
    security: Security = "none"
    if parts.scheme == "smtps":
        security = "tls"
    elif parts.query:
        security = "starttls"
    return MailServer(
        host=parts.hostname,
        port=port or PORTS[security],
        security=security,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def sender(written: str) -> Named:
    """Read one address, with or without a name. Refuses with ValueError."""
    found = addresses(written)
    if len(found) != 1:
        raise ValueError("is more than one address; mail is from one.")
    return found[0]


def addresses(written: str) -> tuple[Named, ...]:
    """Read addresses with commas between them. Refuses with ValueError."""
    found = tuple(getaddresses([written]))
    for name, address in found:
        try:
            check_address(name, address)
        except BadAddress:
            raise ValueError(
                f"has {address or written!r}; an address is written as finance@example.com."
            ) from None
    if len({address.lower() for _, address in found}) < len(found):
        raise ValueError("names an address twice.")
    return found


PHONE = "{phone}"


def sms_gateway(written: str) -> str:
    """Read the URL of an SMS gateway, with {phone} where the number goes. Refuses with ValueError, naming no secret."""
    if PHONE not in written:
        raise ValueError(
            f"says nowhere where the number goes: write {PHONE} there, as twilio://SID:TOKEN@FROM/{PHONE}"
        )
    return chat(written)


def chat(written: str) -> str:
    """Read the URL of a chat, as Apprise takes it. Refuses with ValueError, whose words never repeat its secrets."""
    from core.channels.gateway import check_gateway  # it takes its time, and few need it

    check_gateway(written)
    return written


def language(written: str) -> str:
    """Read a language. Refuses with ValueError."""
    if written not in LANGUAGES:
        raise ValueError(f"is {written!r}; it is {' or '.join(LANGUAGES)}.")
    return written


def public_url(written: str) -> str:
    """Read the address of a page that everybody may open. Refuses with ValueError."""
    parts = urlsplit(written)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ValueError("is no address of a page; it is written as https://partners.example.com/payouts")
    return written
