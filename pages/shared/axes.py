"""The short words and round values of a chart's axes. Money arrives in minor units of one currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from math import ceil, floor, log10

from babel.numbers import get_currency_symbol

from core.money import exponent

CENTS_BELOW = 100  # major units: larger amounts need no cents on an axis


def major(minor: int, currency: str) -> float:
    """Turn minor units into the length of a bar: for drawing only, never for reckoning."""
    return float(Decimal(int(minor)).scaleb(-exponent(currency)))


def short_money(minor: int, currency: str) -> str:
    """Write an amount for an axis or the end of a bar: `€150k`, `−€2.5k`, `€40`."""
    amount = Decimal(int(minor)).scaleb(-exponent(currency))
    size = abs(amount)
    for unit, letter in ((Decimal(10**9), "bn"), (Decimal(10**6), "M"), (Decimal(10**3), "k")):
        if size >= unit:
            text = f"{size / unit:.1f}".removesuffix(".0") + letter
            break
    else:
        text = f"{size:.0f}" if size == size.to_integral_value() or size >= CENTS_BELOW else f"{size:.2f}"
    return f"{'−' if amount < 0 else ''}{get_currency_symbol(currency, locale='en_US')}{text}"


def short_day(day: date) -> str:
    """Write a day for an axis: `20 Nov`."""
    return f"{day.day} {day:%b}"


def month(day: date) -> str:
    """Write a month for an axis: `Nov`, and the year in January."""
    return f"{day:%b}<br>{day.year}" if day.month == 1 else f"{day:%b}"


def money_ticks(minors: Sequence[int], currency: str) -> tuple[list[float], list[str]]:
    """Choose three to six round values that span the amounts and zero, labelled (`−€50k`, `€0`)."""
    drawn = [major(minor, currency) for minor in minors] or [0.0]
    low, high = min(0.0, *drawn), max(0.0, *drawn)
    if low == high:
        high = 1.0
    rough = (high - low) / 4
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    values = [round(step * i, 6) for i in range(floor(low / step), ceil(high / step) + 1)]
    return values, [short_money(round(v * 10 ** exponent(currency)), currency) for v in values]
