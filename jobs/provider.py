"""The rail the settings name, and its results in the shape every job returns."""

from __future__ import annotations

import logging
from functools import cache

from core.providers import Provider
from core.providers.simulator import Simulator
from core.runs import RunResult
from core.sending import SendResult
from jobs.job import Orders


def make_provider(orders: Orders) -> Provider:
    """Return the provider that sends in this installation."""
    settings = orders.settings
    if settings.provider == "stripe":
        assert settings.stripe_secret_key is not None
        assert settings.stripe_account_id is not None
        return stripe_rail(settings.stripe_secret_key, settings.stripe_account_id, settings.stripe_api_base)
    return Simulator(
        engine=orders.engine,
        latency_s=settings.simulator_latency_s,
        success=settings.simulator_success,
        silence=settings.simulator_silence,
        balance=settings.simulator_balance,
    )


@cache
def stripe_rail(secret_key: str, account_id: str, api_base: str | None) -> Provider:
    """Return the one rail of this process, so that all its jobs share one request rate."""
    from core.providers.stripe import StripeTransfers

    logging.getLogger("stripe").setLevel(logging.WARNING)  # every call is kept with its attempt
    return StripeTransfers(secret_key=secret_key, account_id=account_id, api_base=api_base)


def sent(result: SendResult) -> RunResult:
    """Return what a sending run did as every job does; `details` has succeeded, declined, unknown."""
    details = {"succeeded": result.succeeded, "declined": result.declined, "unknown": result.unknown}
    return RunResult(count=result.count, amounts=result.amounts, details=details)
