"""An amount as people of a locale write it, with every decimal the desk keeps: the locale's own may be fewer (RSD, IQD)."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.numbers import NumberPattern, format_currency

from core.money import EXPONENTS, exponent, plain, to_decimal

ENGLISH = "en_US"


@dataclass(frozen=True)
class Amount:
    """An amount that a refusal names: written in its sentence, plain like `12.40` where its figures are kept."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return plain(self.minor, self.currency)

    def __format__(self, _spec: str) -> str:
        return written(self.minor, self.currency)


def written(minor: int, currency: str) -> str:
    """Write an amount of minor units as the desk's own sentences do: `€1,283.78`, `−€66.00`; of a currency that nobody knows
    the decimals of, as a number of its smallest unit.
    """
    if currency not in EXPONENTS:
        return f"{minor:,} of the smallest unit of {currency}".replace("-", "−")
    return money_words(to_decimal(minor, currency), currency, locale=ENGLISH).replace("-", "−")


def money_words(value: Decimal, currency: str, *, locale: str) -> str:
    """Write an amount in major units with its currency's symbol. Refuses UnknownCurrency."""
    pattern = _pattern(locale, exponent(currency))
    return format_currency(value, currency, format=pattern, locale=locale, currency_digits=False)


@cache
def _pattern(locale: str, decimals: int) -> NumberPattern:
    pattern: NumberPattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern
