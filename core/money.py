"""Money as whole minor units of a currency: reading it, writing it, taking parts of it. Never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LIMIT_MINOR = (
    10**12
)  # far above any payout, and far below where a BIGINT sum of millions of rows would overflow

# ISO 4217 decimals, as providers count them too: whoever pays a creator chooses in what, and one of those must be shown.
TWO_DECIMALS = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MRU
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED
    VES WST XCD XCG YER ZAR ZMW ZWG
"""
NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS: dict[str, int] = {
    **dict.fromkeys(TWO_DECIMALS.split(), 2),
    **dict.fromkeys(NO_DECIMALS.split(), 0),
    **dict.fromkeys(THREE_DECIMALS.split(), 3),
}

PLAIN = re.compile(r"-?(?P<whole>[0-9]+)(?:\.(?P<decimals>[0-9]+))?")
EXPONENT_FORM = re.compile(r"[+-]?[0-9.,]+[eE][+-]?[0-9]+")
DECIMAL_COMMA = re.compile(r"-?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})")
GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
NOT_A_NUMBER = {"nan", "snan", "inf", "infinity"}
SHOWN_MAX = 40  # what a person needs to recognise the text they wrote


class BadAmount(ValueError):
    """A text that is no amount of its currency; the message is the sentence to show."""


class UnknownCurrency(ValueError):
    """A code we keep no books in; the message is the sentence to show."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"{_shown(currency)} is not a currency this desk knows.")


class CurrenciesDiffer(ValueError):
    """Two currencies are never added together."""


@dataclass(frozen=True, order=False)
class Money:
    """An amount in whole minor units and its currency; may be negative. Refuses UnknownCurrency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrenciesDiffer(f"{self} and {other} are in two currencies and are never added together.")
        return Money(self.minor + other.minor, self.currency)

    def __str__(self) -> str:
        return f"{plain(self.minor, self.currency)} {self.currency}"


def exponent(currency: str) -> int:
    """How many decimals the currency has. Refuses UnknownCurrency; codes are upper-case."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def parse_amount(text: str, currency: str) -> int:
    """Read an amount written like 25.00, 25 or -20.00, as minor units.

    Refuses with BadAmount, each in its own words: a decimal comma, grouping, not-a-number and infinity,
    exponents, more decimals than the currency has, anything that is no plain ASCII number, and more than
    10^12 minor units either way. Refuses UnknownCurrency.
    """
    decimals_allowed = exponent(currency)
    written = text.strip(" \t\r\n")
    plain_number = PLAIN.fullmatch(written)
    if plain_number is None:
        raise BadAmount(_why_not_plain(written))
    decimals = plain_number["decimals"] or ""
    if len(decimals) > decimals_allowed:
        has = f"only {decimals_allowed}" if decimals_allowed else "none"
        raise BadAmount(f"{_shown(written)} has {len(decimals)} decimals; {currency} has {has}.")
    digits = (plain_number["whole"] + decimals.ljust(decimals_allowed, "0")).lstrip("0") or "0"
    # Counted before it is read: int() itself refuses texts of thousands of digits, in words of its own.
    if len(digits) > len(str(LIMIT_MINOR)) or int(digits) > LIMIT_MINOR:
        limit = plain(LIMIT_MINOR, currency)
        raise BadAmount(f"{_shown(written)} is above the limit of {limit} {currency} for one amount.")
    return -int(digits) if written.startswith("-") else int(digits)


def _why_not_plain(written: str) -> str:
    if not written:
        return "The amount is empty."
    if written.lower().lstrip("+-") in NOT_A_NUMBER:
        fault = "is not an amount: write a number like 25.00"
    elif EXPONENT_FORM.fullmatch(written):
        fault = "has an exponent: write the amount out, like 1200.00"
    elif DECIMAL_COMMA.fullmatch(written):
        fault = f"has a comma: write {_shown(written.replace(',', '.'))}"
    elif GROUPED.fullmatch(written):
        fault = f"has a comma: write {_shown(written.replace(',', ''))}"
    elif "," in written:
        fault = "has a comma: write no grouping, and a point before the decimals, like 1200.00"
    elif any(mark.isspace() for mark in written):
        fault = "has a space inside: write the amount without"
    else:
        fault = "is not an amount: write digits with a point before the decimals, like 25.00 or -20.00"
    return f"{_shown(written)} {fault}."


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def to_decimal(minor: int, currency: str) -> Decimal:
    """The amount in major units, exact, with the currency's decimals. Refuses UnknownCurrency."""
    return Decimal(plain(minor, currency))


def plain(minor: int, currency: str) -> str:
    """The amount in major units for files and command lines: 1283.78, no grouping, every decimal written."""
    decimals = exponent(currency)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{'-' if minor < 0 else ''}{whole}{'.' if rest else ''}{rest}"


def percent_of(minor: int, pct: Decimal) -> int:
    """That percentage of an amount in minor units, computed exactly and rounded once, halves to even."""
    return round(minor * Fraction(pct) / 100)
