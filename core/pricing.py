"""What is owed for what happened: a sale, a month of services, a customer who stayed. Pure rules, no rows.

Customers are active from the instant they sign up until the instant they cancel, which is no longer in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.commission import External, Percent, Tiered
from core.days import day_of, first_instant, month_of, next_month
from core.money import percent_of
from core.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Split:
    """What a sale comes to, in minor units: `fee_minor` the platform's part, `net_minor` the partner's.

    On a priced sale the two add up to `gross_minor`. A deduction has no gross: it is no base for a fee.
    """

    gross_minor: int
    fee_minor: int
    net_minor: int


def split_percent(gross_minor: int, pct: Decimal) -> Split:
    """Split a gross: the partner's percentage, rounded half-even, and the rest as the platform's fee."""
    net_minor = percent_of(gross_minor, pct)
    return Split(gross_minor=gross_minor, fee_minor=gross_minor - net_minor, net_minor=net_minor)


def price_sale(policy: Policy, *, kind: str, gross_minor: int) -> Split | None:
    """What one sale earns; None where it earns only as part of its month. A deduction stands for itself."""
    if kind in policy.deduction_kinds:
        return Split(gross_minor=0, fee_minor=0, net_minor=gross_minor)
    match policy.commission:
        case Percent(pct=pct):
            return split_percent(gross_minor, pct)
        case External():
            return Split(gross_minor=gross_minor, fee_minor=0, net_minor=gross_minor)
        case _:
            return None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a month's price: so much per cent of the gross comes to the amount."""

    label: str
    pct: Decimal
    base_minor: int
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class MonthPrice:
    """A month of services priced: its lines add up to the amount exactly. Amounts in minor units."""

    services: int
    gross_minor: int
    rate_pct: Decimal
    bonus_points: Decimal
    lines: tuple[Line, ...]

    @property
    def amount_minor(self) -> int:
        """What the partner earns for the month, before deductions."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def fee_minor(self) -> int:
        """What the platform keeps of the gross."""
        return self.gross_minor - self.amount_minor

    def breakdown(self) -> dict[str, object]:
        """The price as kept beside the earning: percentages as text, amounts in minor units."""
        return {
            "services": self.services,
            "gross_minor": self.gross_minor,
            "rate_pct": str(self.rate_pct),
            "bonus_points": str(self.bonus_points),
            "lines": [
                {
                    "label": line.label,
                    "pct": str(line.pct),
                    "base_minor": line.base_minor,
                    "amount_minor": line.amount_minor,
                }
                for line in self.lines
            ],
        }


def price_month(tiered: Tiered, *, services: int, gross_minor: int) -> MonthPrice:
    """Price a calendar month: one rate by its number of services, and the bonus, both on the whole gross.

    The amount is rounded once, half-even, for rate and bonus together; the bonus line takes what rounding leaves.
    """
    rate_pct = tiered.rate_pct(services)
    bonus_points = tiered.bonus_points(gross_minor)
    share_minor = percent_of(gross_minor, rate_pct)
    bonus_minor = percent_of(gross_minor, rate_pct + bonus_points) - share_minor
    lines = [Line(label="share", pct=rate_pct, base_minor=gross_minor, amount_minor=share_minor)]
    if bonus_points:
        lines.append(Line(label="bonus", pct=bonus_points, base_minor=gross_minor, amount_minor=bonus_minor))
    return MonthPrice(
        services=services,
        gross_minor=gross_minor,
        rate_pct=rate_pct,
        bonus_points=bonus_points,
        lines=tuple(lines),
    )


def bounty_instant(signed_up_at: datetime, *, active_days: int) -> datetime:
    """When a customer's bounty is decided: so many times 24 hours after sign-up, whatever the clocks do."""
    return signed_up_at + timedelta(days=active_days)


def bounty_earned(
    signed_up_at: datetime, cancelled_at: datetime | None, *, active_days: int, now: datetime
) -> bool:
    """Whether the bounty is earned by now: its instant has come, and the customer did not cancel before it."""
    instant = bounty_instant(signed_up_at, active_days=active_days)
    return instant <= now and (cancelled_at is None or cancelled_at >= instant)


@dataclass(frozen=True, kw_only=True)
class Month:
    """A calendar month of a zone, like 2026-10, and its first instant in UTC."""

    period: str
    first_instant: datetime


def recurring_months(
    signed_up_at: datetime,
    cancelled_at: datetime | None,
    *,
    zone: ZoneInfo,
    accrues_from: date | None,
    now: datetime,
) -> list[Month]:
    """The months at whose first instant the customer was active, up to now, oldest first.

    `accrues_from`, a day of the zone, leaves out the months that began before it.
    """
    earliest = signed_up_at
    if accrues_from is not None:
        earliest = max(earliest, first_instant(accrues_from, zone))
    months = []
    first = day_of(earliest, zone).replace(day=1)
    while (instant := first_instant(first, zone)) <= now and (cancelled_at is None or instant < cancelled_at):
        if instant >= earliest:
            months.append(Month(period=month_of(instant, zone), first_instant=instant))
        first = next_month(first)
    return months
