from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.fees import NO_FEE, Fee, fee_minor, platform_cost_minor

amounts = st.integers(0, 10**12)
fees = st.builds(
    Fee,
    pct=st.decimals(0, 100, places=4),
    fixed_minor=st.integers(0, 10_000),
    base=st.sampled_from(["gross", "net"]),
    payer=st.sampled_from(["partner", "platform"]),
)


class TestFeeMinor:
    @pytest.mark.parametrize(
        ("fee", "gross_minor", "amount_minor", "expected_minor"),
        [
            (Fee(fixed_minor=25), 2500, 2500, 25),
            (Fee(pct=Decimal(2)), 9_999_999, 2500, 50),
            (Fee(pct=Decimal("0.25"), fixed_minor=25, base="gross"), 100_000, 67_000, 275),
            (Fee(pct=Decimal("1.25"), fixed_minor=25, base="gross"), 100_000, 67_000, 1275),
            (Fee(fixed_minor=50, base="gross"), 0, 67_000, 50),
            (Fee(pct=Decimal(2)), 0, 25, 0),
            (Fee(pct=Decimal(2)), 0, 75, 2),
            (NO_FEE, 100_000, 67_000, 0),
        ],
    )
    def test_is_the_percentage_of_its_base_half_even_and_the_fixed_part(
        self, fee: Fee, gross_minor: int, amount_minor: int, expected_minor: int
    ) -> None:
        assert fee_minor(fee, gross_minor=gross_minor, amount_minor=amount_minor) == expected_minor

    def test_is_nothing_to_the_partner_when_the_platform_pays(self) -> None:
        fee = Fee(fixed_minor=25, payer="platform")

        assert fee_minor(fee, gross_minor=2500, amount_minor=2500) == 0
        assert platform_cost_minor(fee, gross_minor=2500, amount_minor=2500) == 25

    def test_takes_no_percentage_where_refunds_outweigh_the_sales(self) -> None:
        fee = Fee(pct=Decimal(2), fixed_minor=25, base="gross")

        assert fee_minor(fee, gross_minor=-5000, amount_minor=1000) == 25

    @given(fees, amounts, amounts)
    def test_is_borne_by_exactly_one_side_and_never_negative(
        self, fee: Fee, gross_minor: int, amount_minor: int
    ) -> None:
        partner_minor = fee_minor(fee, gross_minor=gross_minor, amount_minor=amount_minor)
        platform_minor = platform_cost_minor(fee, gross_minor=gross_minor, amount_minor=amount_minor)

        base_minor = gross_minor if fee.base == "gross" else amount_minor
        exact = base_minor * Fraction(fee.pct) / 100 + fee.fixed_minor
        assert abs(partner_minor + platform_minor - exact) <= Fraction(1, 2)
        assert (platform_minor if fee.payer == "partner" else partner_minor) == 0
        assert min(partner_minor, platform_minor) >= 0


class TestDeclaringAFee:
    @pytest.mark.parametrize(
        "written",
        [
            {"pct": 0.25},
            {"pct": "NaN"},
            {"pct": "101"},
            {"pct": "-1"},
            {"pct": "0.00001"},
            {"fixed_minor": -1},
            {"fixed_minor": 0.25},
            {"fixed_minor": "25"},
            {"base": "amount"},
            {"payer": "nobody"},
            {"flat": 25},
        ],
    )
    def test_refuses_what_is_no_fee(self, written: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            Fee.model_validate(written)
