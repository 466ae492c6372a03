"""Unexpected faults, told to Sentry where a DSN names one: which fault and where in the code, never whose money it was."""

from __future__ import annotations

import logging

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

# All of an event that is told; whatever else the SDK gathers stays here.
TOLD = frozenset(
    {"event_id", "timestamp", "level", "logger", "platform", "environment", "exception", "logentry"}
)


def listen_for_faults(dsn: str, *, environment: str) -> None:
    """Tell Sentry of every error this process logs from now on; it sends from a thread of its own and delays nothing."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        default_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        before_send=_without_data,
    )


def _without_data(event: Event, _hint: Hint) -> Event:
    """Leave what broke and where; texts of faults may hold names, accounts and amounts, and so may what was logged."""
    told = {name: value for name, value in event.items() if name in TOLD}
    for fault in told.get("exception", {}).get("values", []):  # type: ignore[attr-defined]
        fault["value"] = ""
    if "logentry" in told:
        told["logentry"] = {"message": told["logentry"].get("message", "")}  # type: ignore[attr-defined]
    return told  # type: ignore[return-value]
