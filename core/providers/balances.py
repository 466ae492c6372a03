"""A provider's own account: what it holds, and what its account book says left it by transfers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from core.providers import Provider


@dataclass(frozen=True, kw_only=True)
class BookedDay:
    """What the provider's account book says left by transfers on a day (UTC), before anything came back."""

    day: date
    currency: str
    amount_minor: int


class BalanceSource(Protocol):
    """A provider whose account can be looked at. It changes nothing."""

    def available(self, currencies: Sequence[str]) -> Mapping[str, int | None]:
        """Return what may be sent by currency, in minor units; None: without limit."""
        ...

    def booked(self, since: datetime, until: datetime) -> list[BookedDay] | None:
        """Return what left by transfers from `since` to before `until`; None: there is no book beside the transfers."""
        ...


@dataclass(frozen=True)
class PlainBalances:
    """Of a provider that only tells what may be sent."""

    provider: Provider

    def available(self, currencies: Sequence[str]) -> Mapping[str, int | None]:
        """Return what the provider says of each."""
        return {currency: self.provider.balance_minor(currency) for currency in currencies}

    def booked(self, _since: datetime, _until: datetime) -> None:
        """There is no such book."""
        return
