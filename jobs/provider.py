"""The rail the settings name, and its results in the shape every job returns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from core.gate import Gate
from core.providers import Provider
from core.providers.balances import BalanceSource
from core.providers.events import EventSource
from core.providers.simulator import Simulator
from core.runs import RunResult
from core.sending import SendResult
from core.settings import Settings
from jobs.job import Orders

if TYPE_CHECKING:
    from core.providers.stripe import StripeTransfers


def make_provider(orders: Orders) -> Provider:
    """Return the provider that sends in this installation."""
    settings = orders.settings
    if settings.provider == "stripe":
        return _stripe(settings)
    return Simulator(
        engine=orders.engine,
        latency_s=settings.simulator_latency_s,
        success=settings.simulator_success,
        silence=settings.simulator_silence,
        balance=settings.simulator_balance,
    )


def make_source(orders: Orders) -> EventSource | None:
    """Return where this installation's provider tells of events; None: the simulator, which tells of none."""
    if orders.settings.provider != "stripe":
        return None
    from core.providers.stripe_events import StripeEvents

    return StripeEvents(rail=_stripe(orders.settings))


def make_balances(orders: Orders) -> BalanceSource | None:
    """Return the account this installation's provider keeps for us; None: all it tells is what may be sent."""
    rail = stripe_rail_of(orders.settings)
    if rail is None:
        return None
    from core.providers.stripe_balances import StripeBalances

    return StripeBalances(rail)


def stripe_rail_of(settings: Settings) -> StripeTransfers | None:
    """Return the rail to Stripe, for what is asked beside sending; None: another one sends here."""
    return _stripe(settings) if settings.provider == "stripe" else None


def _stripe(settings: Settings) -> StripeTransfers:
    assert settings.stripe_secret_key is not None
    assert settings.stripe_account_id is not None
    return stripe_rail(settings.stripe_secret_key, settings.stripe_account_id, settings.stripe_api_base)


@cache
def stripe_rail(secret_key: str, account_id: str, api_base: str | None) -> StripeTransfers:
    """Return the one rail of this process, so that all its jobs share one request rate."""
    from core.providers.stripe import StripeTransfers

    logging.getLogger("stripe").setLevel(logging.WARNING)  # every call is kept with its attempt
    return StripeTransfers(secret_key=secret_key, account_id=account_id, api_base=api_base)


# One per database a process works on; it stays open until the process ends.
GATES: WeakKeyDictionary[Engine, Gate] = WeakKeyDictionary()
GATES_LOCK = Lock()


def gate_of(orders: Orders) -> Gate:
    """Return this process's gate: what must hold before it sends for the first time."""
    with GATES_LOCK:
        return GATES.setdefault(orders.engine, Gate())


class Due(Protocol):
    """What of the domain works at the rail: it does what is due and returns what came of it."""

    def __call__(
        self,
        engine: Engine,
        provider: Provider,
        *,
        now: datetime,
        limit: int | None,
        only: int | None,
        dry_run: bool,
        stopping: Callable[[], bool],
        gate: Gate | None,
    ) -> SendResult:
        """Do it, as far as the orders of a run say."""
        ...


def run_at_the_rail(due: Due, orders: Orders) -> RunResult:
    """Do what is due behind this process's gate, as every job does; `details` has succeeded, declined, unknown."""
    result = due(
        orders.engine,
        make_provider(orders),
        now=orders.now,
        limit=orders.limit,
        only=orders.payout_id,
        dry_run=orders.dry_run,
        stopping=orders.stopping,
        gate=gate_of(orders),
    )
    details = {"succeeded": result.succeeded, "declined": result.declined, "unknown": result.unknown}
    return RunResult(count=result.count, amounts=result.amounts, details=details)
