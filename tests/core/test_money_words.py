from __future__ import annotations

import pytest

from core.messages.writing import LOCALES
from core.money import EXPONENTS, to_decimal
from core.money_words import Amount, money_words, written
from core.reads.words import why_not_paid
from pages.shared.format import money


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_every_amount_is_written_with_all_its_minor_units(currency: str) -> None:
    figure, minor = to_decimal(12_345_678, currency), "12345678"
    short = why_not_paid("below_minimum", {"short": str(figure), "amount": "1", "minimum": "2"}, currency)
    told = [
        money(12_345_678, currency),
        written(12_345_678, currency),
        short.partition(":")[0],
        *(money_words(figure, currency, locale=locale) for locale in LOCALES.values()),
    ]
    for words in told:
        assert "".join(sign for sign in words if sign.isdigit()) == minor, words


def test_an_amount_is_written_as_its_locale_does() -> None:
    told = {
        locale: money_words(to_decimal(-123_456, "EUR"), "EUR", locale=locale) for locale in LOCALES.values()
    }
    assert told == {"en_US": "-€1,234.56", "fr_FR": "-1\u202f234,56\u00a0€"}
    assert money(123_456, "RSD") == "RSD1,234.56"


def test_an_amount_of_a_currency_nobody_knows_is_written_as_it_was_counted() -> None:
    assert written(-7_000, "ZZZ") == "−7,000 of the smallest unit of ZZZ"


def test_an_amount_of_a_refusal_is_written_in_its_sentence_and_plain_in_its_figures() -> None:
    amount = Amount(-123_456, "EUR")
    assert (f"{amount}", str(amount)) == ("−€1,234.56", "-1234.56")
