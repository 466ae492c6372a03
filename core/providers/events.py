"""What a provider tells of by itself: that something changed, never what. The object is asked for and believed instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

# What can be asked for by its id, in the provider's own words.
Thing = Literal[
    "account",
    "charge",
    "customer",
    "dispute",
    "payment_intent",
    "payout",
    "refund",
    "subscription",
    "transfer",
]
Facts = Mapping[str, Any]  # an object as the provider shows it now; any field may be missing


@dataclass(frozen=True, kw_only=True)
class ProviderEvent:
    """One event: its id, what kind it is, and what it is about. Duplicates, gaps and any order are normal."""

    ref: str
    kind: str  # 'charge.refunded'
    object_ref: str  # the id of what changed
    account: str | None  # the connected account it happened on; None: the platform's own
    created_at: datetime  # the provider's clock


class EventSource(Protocol):
    """A provider whose events can be read. It holds no transaction of the desk's and changes nothing."""

    @property
    def name(self) -> str:
        """What events remember it by."""
        ...

    def events(
        self, kinds: Sequence[str], *, since: datetime, until: datetime, account: str | None = None
    ) -> Iterator[ProviderEvent]:
        """Yield the events of these kinds from `since` to before `until`, oldest first, of the platform or of one account."""
        ...

    def fetch(
        self, thing: Thing, ref: str, *, account: str | None = None, expand: Sequence[str] = ()
    ) -> Facts | None:
        """Return an object as it is now, or None when the provider knows none of this id or shows it to us no more."""
        ...

    def listed(self, path: str, params: Mapping[str, Any], *, account: str | None = None) -> Iterator[Facts]:
        """Yield every object of a list (`/v1/balance_transactions`), page after page."""
        ...
