"""The rail the settings name, and its results in the shape every job returns."""

from __future__ import annotations

from core.providers import Provider
from core.providers.simulator import Simulator
from core.runs import RunResult
from core.sending import SendResult
from jobs.job import Orders


def make_provider(orders: Orders) -> Provider:
    """Return the provider that sends in this installation."""
    settings = orders.settings
    return Simulator(
        engine=orders.engine,
        latency_s=settings.simulator_latency_s,
        success=settings.simulator_success,
        silence=settings.simulator_silence,
        balance=settings.simulator_balance,
    )


def sent(result: SendResult) -> RunResult:
    """Return what a sending run did as every job does; `details` has succeeded, declined, unknown."""
    details = {"succeeded": result.succeeded, "declined": result.declined, "unknown": result.unknown}
    return RunResult(count=result.count, amounts=result.amounts, details=details)
