"""How a program's partners earn: the kinds of commission. Amounts are minor units of the program's currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.records import AmountMinor, Days, Pct, Record


class FlatOnce(Record):
    """One bounty for each customer who stays active for so many days of 24 hours after sign-up."""

    kind: Literal["flat_once"] = "flat_once"
    amount_minor: AmountMinor
    active_days: Days = 60


class FlatMonthly(Record):
    """An amount for each customer active at the first instant of a month."""

    kind: Literal["flat_monthly"] = "flat_monthly"
    amount_minor: AmountMinor


class Percent(Record):
    """The partner's percentage of each sale; the platform keeps the rest as its fee."""

    kind: Literal["percent"] = "percent"
    pct: Pct


class External(Record):
    """Worked out elsewhere: what arrives is the commission itself."""

    kind: Literal["external"] = "external"


class Step(Record):
    """The rate of a whole month with more than so many services."""

    above_services: Annotated[int, Field(strict=True, ge=1)]
    pct: Pct


class Bonus(Record):
    """Percentage points on the whole gross of a month whose gross is above an amount."""

    points: Pct
    above_gross_minor: AmountMinor


class Tiered(Record):
    """A share of a calendar month's gross; its rate depends on how many services the month had."""

    kind: Literal["tiered"] = "tiered"
    base_pct: Pct
    steps: tuple[Step, ...] = ()
    bonus: Bonus | None = None

    @model_validator(mode="after")
    def _steps_climb(self) -> Self:
        thresholds = [step.above_services for step in self.steps]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("the steps must be in rising order, each threshold once")
        return self

    def rate_pct(self, services: int) -> Decimal:
        """The rate of a month with so many services; a threshold itself is not above it."""
        reached = [step.pct for step in self.steps if services > step.above_services]
        return reached[-1] if reached else self.base_pct

    def bonus_points(self, gross_minor: int) -> Decimal:
        """The percentage points on top for a month with this gross: 0 up to the threshold and on it."""
        if self.bonus is None or gross_minor <= self.bonus.above_gross_minor:
            return Decimal(0)
        return self.bonus.points


Commission = Annotated[FlatOnce | FlatMonthly | Percent | External | Tiered, Field(discriminator="kind")]
