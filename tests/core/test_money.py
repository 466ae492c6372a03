from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import (
    EXPONENTS,
    LIMIT_MINOR,
    BadAmount,
    CurrenciesDiffer,
    Money,
    UnknownCurrency,
    parse_amount,
    percent_of,
    plain,
    to_decimal,
)

currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(-LIMIT_MINOR, LIMIT_MINOR)
percentages = st.decimals(0, 100, places=4)


class TestParseAmount:
    @pytest.mark.parametrize(
        ("written", "currency", "minor"),
        [
            ("25.00", "USD", 2500),
            ("25", "USD", 2500),
            ("-20.00", "USD", -2000),
            ("0.5", "EUR", 50),
            ("-0.00", "USD", 0),
            ("007.10", "USD", 710),
            (" 25.00\r\n", "USD", 2500),
            ("1200", "JPY", 1200),
            ("1.234", "KWD", 1234),
            ("10000000000.00", "USD", LIMIT_MINOR),
            ("-10000000000.00", "USD", -LIMIT_MINOR),
            ("0" * 9000 + "1.00", "USD", 100),
        ],
    )
    def test_reads_an_amount_into_minor_units(self, written: str, currency: str, minor: int) -> None:
        assert parse_amount(written, currency) == minor

    @pytest.mark.parametrize(
        ("written", "currency", "sentence"),
        [
            ("12,50", "USD", "12,50 has a comma: write 12.50."),
            ("-12,5", "USD", "-12,5 has a comma: write -12.5."),
            ("1,283.78", "USD", "1,283.78 has a comma: write 1283.78."),
            (
                "1,000",
                "USD",
                "1,000 has a comma: write no grouping, and a point before the decimals, like 1200.00.",
            ),
            ("NaN", "USD", "NaN is not an amount: write a number like 25.00."),
            ("inf", "USD", "inf is not an amount: write a number like 25.00."),
            ("-Infinity", "USD", "-Infinity is not an amount: write a number like 25.00."),
            ("1e400", "USD", "1e400 has an exponent: write the amount out, like 1200.00."),
            ("-1.5E+3", "USD", "-1.5E+3 has an exponent: write the amount out, like 1200.00."),
            ("10.005", "USD", "10.005 has 3 decimals; USD has only 2."),
            ("10.000", "USD", "10.000 has 3 decimals; USD has only 2."),
            ("85.00", "JPY", "85.00 has 2 decimals; JPY has none."),
            ("", "USD", "The amount is empty."),
            ("  ", "USD", "The amount is empty."),
            ("1 000.00", "USD", "1 000.00 has a space inside: write the amount without."),
            (
                "1\N{NO-BREAK SPACE}000",
                "USD",
                "1\N{NO-BREAK SPACE}000 has a space inside: write the amount without.",
            ),
            (
                "99999999999999999.00",
                "USD",
                "99999999999999999.00 is above the limit of 10000000000.00 USD for one amount.",
            ),
            (
                "10000000000.01",
                "USD",
                "10000000000.01 is above the limit of 10000000000.00 USD for one amount.",
            ),
            (
                "-1000000000001",
                "JPY",
                "-1000000000001 is above the limit of 1000000000000 JPY for one amount.",
            ),
            ("9" * 9000, "USD", f"{'9' * 40}… is above the limit of 10000000000.00 USD for one amount."),
        ],
    )
    def test_says_what_is_wrong_with_a_text_that_is_no_amount(
        self, written: str, currency: str, sentence: str
    ) -> None:
        with pytest.raises(BadAmount) as refused:
            parse_amount(written, currency)

        assert str(refused.value) == sentence

    @pytest.mark.parametrize(
        "written",
        [
            *("abc", "$25.00", "25€", "=1+1", "0x10", "1_000"),
            *("٢٥", "２５.00", "²5", "\N{MINUS SIGN}5"),
            *("+25", "--5", "5-", ".50", "25.", "1.2.3"),
        ],
    )
    def test_refuses_what_is_not_a_plain_ascii_number(self, written: str) -> None:
        with pytest.raises(BadAmount, match="is not an amount: write digits"):
            parse_amount(written, "USD")

    def test_refuses_an_unknown_currency(self) -> None:
        with pytest.raises(UnknownCurrency, match=r"^XYZ is not a currency this desk knows\.$"):
            parse_amount("85.00", "XYZ")

    @given(st.text(max_size=30) | st.from_regex(r"-?[0-9]{1,14}([.,][0-9]{0,4})?", fullmatch=True))
    def test_reads_what_it_accepts_exactly_and_refuses_the_rest_by_a_sentence(self, text: str) -> None:
        with suppress(BadAmount):
            assert parse_amount(text, "USD") == Decimal(text.strip()) * 100


class TestPlain:
    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [
            (128378, "USD", "1283.78"),
            (5, "USD", "0.05"),
            (-5, "USD", "-0.05"),
            (0, "USD", "0.00"),
            (1200, "JPY", "1200"),
            (0, "JPY", "0"),
            (-1234, "KWD", "-1.234"),
        ],
    )
    def test_writes_every_decimal_and_no_grouping(self, minor: int, currency: str, text: str) -> None:
        assert plain(minor, currency) == text

    @given(amounts, currencies)
    def test_is_read_back_as_the_same_amount(self, minor: int, currency: str) -> None:
        assert parse_amount(plain(minor, currency), currency) == minor

    @given(amounts, currencies)
    def test_agrees_with_the_exact_decimal(self, minor: int, currency: str) -> None:
        assert to_decimal(minor, currency) == Fraction(minor, 10 ** EXPONENTS[currency])


class TestMoney:
    def test_says_its_amount_with_its_currency(self) -> None:
        assert str(Money(2475, "USD")) == "24.75 USD"

    def test_adds_within_one_currency(self) -> None:
        assert Money(2475, "USD") + Money(25, "USD") == Money(2500, "USD")

    def test_never_adds_two_currencies(self) -> None:
        with pytest.raises(CurrenciesDiffer, match=r"24\.75 USD and 0\.25 EUR"):
            Money(2475, "USD") + Money(25, "EUR")

    @pytest.mark.parametrize("currency", ["XYZ", "usd", ""])
    def test_refuses_an_unknown_currency(self, currency: str) -> None:
        with pytest.raises(UnknownCurrency):
            Money(1, currency)


class TestPercentOf:
    @pytest.mark.parametrize(
        ("minor", "pct", "part"),
        [
            (7000, "90", 6300),
            (5, "50", 2),
            (15, "50", 8),
            (-5, "50", -2),
            (-15, "50", -8),
            (100000, "0.25", 250),
        ],
    )
    def test_rounds_halves_to_even(self, minor: int, pct: str, part: int) -> None:
        assert percent_of(minor, Decimal(pct)) == part

    @given(amounts, percentages)
    def test_is_within_half_a_minor_unit_of_the_exact_part(self, minor: int, pct: Decimal) -> None:
        assert abs(percent_of(minor, pct) - minor * Fraction(pct) / 100) <= Fraction(1, 2)

    @given(amounts, percentages)
    def test_takes_back_exactly_what_it_gave(self, minor: int, pct: Decimal) -> None:
        assert percent_of(-minor, pct) == -percent_of(minor, pct)
