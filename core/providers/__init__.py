"""The provider protocol: a rail that moves money, with three possible outcomes and no others.

A provider is added by adding a file here that fulfils `Provider`. It holds no transaction of the desk's and decides
nothing: it sends what it is given, under the key it is given, and says what came of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

ErrorClass = Literal["transient", "limits", "account", "instruction", "platform_balance", "withdrawn"]


def params_hash(params: dict[str, Any]) -> bytes:
    """Return the digest of request parameters: the same for the same content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(params, sort_keys=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is sent under one key; the parameters were frozen when the key was made and never change."""

    key: str
    # To send: amount_minor, currency, method, destination, transfer_group; to pull back: amount_minor, currency,
    # transfer (the provider's reference of what paid), reversal_ref.
    params: dict[str, Any]
    payout_id: int
    n: int  # number of the attempt, or of the reversal, from 1
    at: datetime
    asked_before: bool = False  # an earlier call under this key may have reached the provider


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    """The provider holds a transfer, or a reversal, of exactly this money."""

    provider_ref: str
    request_id: str | None = None
    message: str | None = None  # what else is worth keeping of it


@dataclass(frozen=True, kw_only=True)
class Declined:
    """A definite no: nothing moved and nothing will under this key. `error_class` picks what happens next."""

    code: str
    error_class: ErrorClass
    message: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """No readable answer: the money may have moved. Ask again with the same key, never with a new one.

    Without `ask_again` asking would show the same once more: it waits for people.
    """

    message: str
    code: str | None = None
    request_id: str | None = None
    ask_again: bool = True


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A look at the provider's books that did not find the transfer. One such look proves nothing."""


@dataclass(frozen=True, kw_only=True)
class ProviderTransfer:
    """A transfer as the provider's books show it, whoever made it; `reversed_minor` of it came back."""

    provider_ref: str
    transfer_group: str | None
    amount_minor: int
    currency: str
    destination: str
    reversed_minor: int
    created_at: datetime  # the provider's clock


class Provider(Protocol):
    """A rail that moves money."""

    @property
    def name(self) -> str:
        """What attempts remember it by."""
        ...

    @property
    def lease_s(self) -> int:
        """How long one call may take before another process may take it up: the read timeout and 30 s."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The payout methods it serves; a payout by another one is left alone."""
        ...

    def send(self, order: Order) -> Succeeded | Declined | Unknown:
        """Send the order; the same key again returns the first result and moves nothing."""
        ...

    def find(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look the order up in the provider's books by its transfer group, without sending anything."""
        ...

    def reverse(self, order: Order) -> Succeeded | Declined | Unknown:
        """Pull money of a transfer back; the same key again returns the first result and moves nothing."""
        ...

    def find_reversal(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look a reversal up in the provider's books by its reference, without sending anything."""
        ...

    def balance_minor(self, currency: str) -> int | None:
        """Return what the platform may still send in this currency, or None when there is no limit to know."""
        ...

    def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
        """Yield every transfer made from `since` to before `until`, in any order, without changing anything."""
        ...
