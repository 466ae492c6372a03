from __future__ import annotations

import pytest

from core.messages.writing import LOCALES
from core.money import EXPONENTS, to_decimal
from core.money_words import money_words
from core.reads.words import amount, why_not_paid
from pages.shared.format import money


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_every_amount_is_written_with_all_its_minor_units(currency: str) -> None:
    figure, minor = to_decimal(12_345_678, currency), "12345678"
    short = why_not_paid("below_minimum", {"short": str(figure), "amount": "1", "minimum": "2"}, currency)
    written = [
        money(12_345_678, currency),
        amount(12_345_678, currency),
        short.partition(":")[0],
        *(money_words(figure, currency, locale=locale) for locale in LOCALES.values()),
    ]
    for words in written:
        assert "".join(sign for sign in words if sign.isdigit()) == minor, words


def test_an_amount_is_written_as_its_locale_does() -> None:
    written = {
        locale: money_words(to_decimal(-123_456, "EUR"), "EUR", locale=locale) for locale in LOCALES.values()
    }
    assert written == {"en_US": "-€1,234.56", "fr_FR": "-1\u202f234,56\u00a0€"}
    assert money(123_456, "RSD") == "RSD1,234.56"
