"""Reads the text of one setting each; what cannot be read is refused in words that finish the sentence its name begins."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import urlsplit

from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from core.money import BadAmount, UnknownCurrency, parse_amount
from core.providers.simulator import SUCCESS

SECRET_LENGTH = 32
LATENCY_LIMIT_S = 600
PORT_MAX = 65535
ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]+")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,}")
LIVE_KEYS, TEST_KEYS = ("sk_live_", "rk_live_"), ("sk_test_", "rk_test_")


class BadSetting(ValueError):
    """One setting's text cannot be read; the message finishes the sentence that its name begins."""


def stripe_key(written: str) -> str:
    """Read a secret key of Stripe's. Refuses BadSetting."""
    if not written.startswith(LIVE_KEYS + TEST_KEYS):
        raise BadSetting(f"is no secret key of Stripe's; it begins with {', '.join(LIVE_KEYS + TEST_KEYS)}.")
    return written


def stripe_account(written: str) -> str:
    """Read the id of an account of Stripe's. Refuses BadSetting."""
    if not ACCOUNT.fullmatch(written):
        raise BadSetting(f"is {written!r}; an account of Stripe's begins with acct_.")
    return written


def api_base(written: str) -> str:
    """Read the address of a server, without its last slash. Refuses BadSetting."""
    parts = urlsplit(written)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadSetting("is no address of a server; it is written as http://127.0.0.1:12111")
    return written.rstrip("/")


def heartbeat_url(written: str) -> str:
    """Read an address that a sign of life is sent to. Refuses BadSetting."""
    parts = urlsplit(written)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting("is no address; it is written as https://uptime.example.com/api/v1/heartbeat/…")
    return written


def sentry_dsn(written: str) -> str:
    """Read where unexpected faults are told to, as Sentry writes it. Refuses BadSetting."""
    parts = urlsplit(written)
    project = parts.path.rpartition("/")[2]
    if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.username or not project:
        raise BadSetting("is no DSN; Sentry writes it as https://KEY@sentry.example.com/PROJECT")
    return written


def webhook_secrets(written: str) -> tuple[str, ...]:
    """Read the secrets that webhooks are signed with, with commas between them. Refuses BadSetting."""
    secrets = tuple(secret.strip() for secret in written.split(","))
    if not all(WEBHOOK_SECRET.fullmatch(secret) for secret in secrets):
        raise BadSetting(
            "has a secret that is not Stripe's; each begins with whsec_, with commas between them."
        )
    if len(set(secrets)) < len(secrets):
        raise BadSetting("names a secret twice.")
    return secrets


def database_url(written: str) -> str:
    """Read the address of a PostgreSQL database. Refuses BadSetting."""
    parts = urlsplit(written)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BadSetting("is no PostgreSQL address; it begins with postgresql://")
    if not parts.path.strip("/"):
        raise BadSetting("names no database; it ends in /name.")
    return written


def latency_s(written: str) -> tuple[float, float]:
    """Read seconds, one figure or from low to high. Refuses BadSetting."""
    low, dash, high = written.partition("-")
    try:
        bounds = (float(low), float(high if dash else low))
    except ValueError:
        raise BadSetting(f"is {written!r}; it is seconds, as 2 or 3-10.") from None
    if not 0 <= bounds[0] <= bounds[1] <= LATENCY_LIMIT_S:
        raise BadSetting(f"is {written!r}; it runs from low to high, within 0 and {LATENCY_LIMIT_S} seconds.")
    return bounds


def share(written: str) -> Decimal:
    """Read a share between 0 and 1. Refuses BadSetting."""
    try:
        share = Decimal(written)
    except ArithmeticError:
        raise BadSetting(f"is {written!r}; a share is a number between 0 and 1.") from None
    if not share.is_finite() or not 0 <= share <= 1:
        raise BadSetting(f"is {written!r}; a share is between 0 and 1.")
    return share


def _pairs(written: str, example: str) -> list[tuple[str, str]]:
    pairs = []
    for part in written.split(","):
        name, equals, value = part.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise BadSetting(f"has {part.strip()!r}; it is written as {example}.")
        pairs.append((name.strip(), value.strip()))
    names = [name for name, _ in pairs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadSetting(f"names {', '.join(sorted(twice))} twice.")
    return pairs


def success(written: str) -> dict[str, Decimal]:
    """Read shares of successes by method. Refuses BadSetting."""
    pairs = _pairs(written, "stripe=0.95,paypal=0.90")
    if strange := [method for method, _ in pairs if method not in SUCCESS]:
        raise BadSetting(f"has {', '.join(strange)}; the methods are {', '.join(SUCCESS)}.")
    return {method: share(given) for method, given in pairs}


def balance(written: str) -> dict[str, int]:
    """Read balances by currency, in major units; returns minor units. Refuses BadSetting."""
    try:
        balance = {
            code: parse_amount(amount, code) for code, amount in _pairs(written, "USD=100000.00,EUR=5000.00")
        }
    except (BadAmount, UnknownCurrency) as fault:
        raise BadSetting(f"is {written!r}: {fault}") from None
    if any(minor < 0 for minor in balance.values()):
        raise BadSetting(f"is {written!r}; a balance is not negative.")
    return balance


def secret(written: str) -> str:
    """Read a secret that is long enough. Refuses BadSetting."""
    if len(written) < SECRET_LENGTH:
        raise BadSetting(f"has {len(written)} characters; it needs {SECRET_LENGTH} or more.")
    return written


def secrets(written: str) -> str:
    """Read a secret and the older ones it replaces, with commas between them. Refuses BadSetting."""
    return ",".join(secret(part.strip()) for part in written.split(","))


PAYER_NAME_MAX = 70


def payer_name(written: str) -> str:
    """Read whose account it is, as a bank takes it. Refuses BadSetting."""
    if len(written) > PAYER_NAME_MAX:
        raise BadSetting(f"has {len(written)} characters; a bank takes {PAYER_NAME_MAX}.")
    return written


def iban_number(written: str) -> str:
    """Read an IBAN, without its spaces. Refuses BadSetting."""
    try:
        return str(iban.validate(written))
    except ValidationError:
        raise BadSetting("is no IBAN: its country, length or check digits do not hold.") from None


def bic_code(written: str) -> str:
    """Read a BIC. Refuses BadSetting."""
    try:
        return str(bic.validate(written))
    except ValidationError:
        raise BadSetting("is no BIC; it has 8 or 11 letters and digits.") from None


def port(written: str) -> int:
    """Read a port. Refuses BadSetting."""
    if not (written.isascii() and written.isdigit() and 1 <= int(written[:6]) <= PORT_MAX):
        raise BadSetting(f"is {written!r}; a port is a number from 1 to {PORT_MAX}.")
    return int(written)
