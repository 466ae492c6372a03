"""Turns facts into the words of one language: plain text, from the template beside the kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.money import to_decimal
from core.money_words import money_words

FOLDER = Path(__file__).parent
LOCALES = {"en": "en_US", "fr": "fr_FR"}  # how a language writes numbers, money and dates
LANGUAGE = "en"
TEST = {
    "en": ("[Test] ", "This is a test with made-up figures: nothing has happened."),
    "fr": ("[Essai] ", "Ceci est un essai aux chiffres inventés : il ne s’est rien passé."),
}


def write(
    kind: str,
    facts: Mapping[str, object],
    *,
    zone: str = "UTC",
    language: str = LANGUAGE,
    test: bool = False,
) -> tuple[str, str]:
    """Return subject and text of a message, marked where it is a `test`; days are of `zone`.

    A fact that a template names must be there.
    """
    clean = {name: _clean(value) for name, value in facts.items()}
    template = _templates(language, zone).get_template(f"{kind}.txt")
    subject, _, body = template.render(clean).partition("\n")
    mark, warning = TEST[language] if test else ("", "")
    whole = f"{warning}\n\n{body.strip()}" if test else body.strip()
    return mark + " ".join(subject.split()), whole + "\n"


def _clean(value: object) -> object:
    """Take control characters out of words: a name is one line, whatever was imported."""
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in value).split())


@cache
def _templates(language: str, zone: str) -> Environment:
    locale, place = LOCALES[language], ZoneInfo(zone)
    plural = Locale.parse(locale).plural_form

    def money(minor: int, currency: str) -> str:
        return money_words(to_decimal(minor, currency), currency, locale=locale)

    def day(at: datetime) -> str:
        return format_date(at.astimezone(place).date(), "long", locale=locale)

    def utc_day(at: datetime) -> str:
        return format_date(at.astimezone(UTC).date(), "long", locale=locale)

    def number(value: float) -> str:
        return format_decimal(value, locale=locale)

    def counted(n: int, one: str, many: str) -> str:
        return f"{number(n)} {one if plural(n) == 'one' else many}"

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
    made.filters |= {
        "money": money,
        "day": day,
        "utc_day": utc_day,
        "instant": instant,
        "number": number,
        "counted": counted,
    }
    return made
