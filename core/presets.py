"""The six programs to start from, as policies. Amounts are minor units of the program's currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.commission import Bonus, External, FlatMonthly, FlatOnce, Percent, Step, Tiered
from core.fees import Fee
from core.policy import Approval, Hold, Overrides, Policy
from core.schedule import Daily, Monthly, OnRequest, Weekly


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A program to start from; `zone` is where its days and months begin."""

    code: str
    name: str
    policy: Policy
    currency: str = "USD"
    zone: str = "UTC"


NO_WAITING = Hold(days=0, new_partner_days=0, destination_change_days=7)
SECOND_PERSON_ABOVE_1000 = Approval(dual_above_minor=100_000)

PRESETS = (
    Preset(
        code="broker-bounty",
        name="Broker bounties",
        policy=Policy(
            commission=FlatOnce(amount_minor=50_000, active_days=60),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=Hold(days=0, new_partner_days=60, destination_change_days=7),
            min_payout_minor=10_000,
            max_per_partner_month_minor=500_000,
            schedule=Daily(),
        ),
    ),
    Preset(
        code="broker-recurring",
        name="Broker recurring",
        policy=Policy(
            commission=FlatMonthly(amount_minor=5_000),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=Hold(days=0, new_partner_days=60, destination_change_days=7),
            min_payout_minor=10_000,
            max_per_partner_month_minor=500_000,
            schedule=Monthly(day=1),
        ),
    ),
    Preset(
        code="reseller",
        name="Resellers",
        policy=Policy(
            commission=External(),
            sale_kinds=("commission",),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=NO_WAITING,
            min_payout_minor=5_000,
            schedule=OnRequest(),
            tiers={
                "affiliate": Overrides(min_payout_minor=5_000),
                "reseller": Overrides(min_payout_minor=10_000),
                "white_label": Overrides(min_payout_minor=100_000),
                "technology": Overrides(min_payout_minor=20_000),
            },
        ),
    ),
    Preset(
        code="creator",
        name="Creators",
        currency="EUR",
        policy=Policy(
            commission=Percent(pct=Decimal(90)),
            sale_kinds=("booking",),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=Hold(days=7, new_partner_days=0, destination_change_days=7),
            min_payout_minor=0,
            schedule=OnRequest(),
            one_open_request=True,
        ),
    ),
    Preset(
        code="affiliate",
        name="Affiliates",
        policy=Policy(
            commission=External(),
            sale_kinds=("commission",),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=NO_WAITING,
            min_payout_minor=0,
            schedule=OnRequest(),
            fees={
                "stripe": Fee(fixed_minor=25),
                "paypal": Fee(pct=Decimal(2)),
                "check": Fee(fixed_minor=500),
            },
        ),
    ),
    Preset(
        code="barber",
        name="Barbers",
        policy=Policy(
            commission=Tiered(
                base_pct=Decimal(70),
                steps=(
                    Step(above_services=50, pct=Decimal(72)),
                    Step(above_services=100, pct=Decimal(75)),
                ),
                bonus=Bonus(points=Decimal(2), above_gross_minor=1_000_000),
            ),
            sale_kinds=("service", "deduction"),
            deduction_kinds=("deduction",),
            approval=SECOND_PERSON_ABOVE_1000,
            hold=NO_WAITING,
            min_payout_minor=5_000,
            schedule=Weekly(weekday=5),
            fees={
                "stripe": Fee(pct=Decimal("0.25"), fixed_minor=25, base="gross"),
                "stripe_instant": Fee(pct=Decimal("1.25"), fixed_minor=25, base="gross"),
                "bank_transfer": Fee(fixed_minor=50, base="gross"),
            },
        ),
    ),
)
