"""What a payout costs to send, and who pays it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from core.money import percent_of
from core.records import AmountMinor, Pct, Record


class Fee(Record):
    """A percentage of a base plus a fixed part; base gross is the sale gross behind the payout, net its amount."""

    pct: Pct = Decimal(0)
    fixed_minor: AmountMinor = 0
    base: Literal["gross", "net"] = "net"
    payer: Literal["partner", "platform"] = "partner"


NO_FEE = Fee()


def cost_minor(fee: Fee, *, gross_minor: int, amount_minor: int) -> int:
    """The whole fee, whoever pays it: the percentage rounded half-even, then the fixed part.

    Where refunds outweigh the sales behind a payout the percentage has nothing to be taken of.
    """
    base_minor = gross_minor if fee.base == "gross" else amount_minor
    return percent_of(max(base_minor, 0), fee.pct) + fee.fixed_minor


def fee_minor(fee: Fee, *, gross_minor: int, amount_minor: int) -> int:
    """The partner's part of the fee, in minor units: 0 when the platform pays."""
    return (
        cost_minor(fee, gross_minor=gross_minor, amount_minor=amount_minor) if fee.payer == "partner" else 0
    )


def platform_cost_minor(fee: Fee, *, gross_minor: int, amount_minor: int) -> int:
    """The platform's part of the fee, in minor units: 0 when the partner pays."""
    return (
        cost_minor(fee, gross_minor=gross_minor, amount_minor=amount_minor) if fee.payer == "platform" else 0
    )
