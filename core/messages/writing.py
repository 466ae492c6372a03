"""Turns facts into the words of one language: plain text, from the template beside the kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.money import to_decimal

FOLDER = Path(__file__).parent
LOCALES = {"en": "en_US"}  # how a language writes money and dates
LANGUAGE = "en"


def write(
    kind: str, facts: Mapping[str, object], *, zone: str = "UTC", language: str = LANGUAGE
) -> tuple[str, str]:
    """Return subject and text of a message; days are of `zone`. A fact that a template names must be there."""
    clean = {name: _clean(value) for name, value in facts.items()}
    template = _templates(language, zone).get_template(f"{kind}.txt")
    subject, _, body = template.render(clean).partition("\n")
    return " ".join(subject.split()), body.strip() + "\n"


def _clean(value: object) -> object:
    """Take control characters out of words: a name is one line, whatever was imported."""
    if not isinstance(value, str):
        return value
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in value).split())


@cache
def _templates(language: str, zone: str) -> Environment:
    locale, place = LOCALES[language], ZoneInfo(zone)

    def money(minor: int, currency: str) -> str:
        return format_currency(to_decimal(minor, currency), currency, locale=locale)

    def day(at: datetime) -> str:
        return format_date(at.astimezone(place).date(), "long", locale=locale)

    def instant(at: datetime) -> str:
        at = at.astimezone(UTC)
        return f"{format_date(at.date(), 'long', locale=locale)} {at:%H:%M} UTC"

    # Plain text has no markup to escape; what fills it in is cleaned above.
    made = Environment(
        loader=FileSystemLoader(FOLDER / language),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
    made.filters |= {"money": money, "day": day, "instant": instant}
    return made
