"""An amount as people of a locale write it, with every decimal the desk keeps: the locale's own may be fewer (RSD, IQD)."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.numbers import NumberPattern, format_currency

from core.money import exponent


def money_words(value: Decimal, currency: str, *, locale: str) -> str:
    """Write an amount in major units with its currency's symbol. Refuses UnknownCurrency."""
    pattern = _pattern(locale, exponent(currency))
    return format_currency(value, currency, format=pattern, locale=locale, currency_digits=False)


@cache
def _pattern(locale: str, decimals: int) -> NumberPattern:
    pattern: NumberPattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern
