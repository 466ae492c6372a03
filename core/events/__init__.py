"""Applying a provider's events: each once, in its own transaction, from the object as it is now.

A kind of event is added by adding a module here that holds `HANDLER = Handler(...)`. An event is a hint: `plan` asks the
provider what its object looks like now, with no transaction held, and returns what to do about it, or None when there
is nothing to do. That effect runs in one transaction with the event's own row, so it happens once or not at all.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Connection

from core.providers.events import EventSource, ProviderEvent

# Changes the desk; returns what was done in a few words, as the event's row keeps it. It may end in the audit trail.
Effect = Callable[[Connection, datetime], str]
# Asks the provider; `now` is the desk's. Raises whatever `EventSource` raises: the event waits for another try.
Plan = Callable[[EventSource, ProviderEvent, datetime], Effect | None]


class NotYet(Exception):
    """What this event builds on has not been heard of so far: it is tried again later, and shown when it gets old."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """What is done about some kinds of events; `connected` ones happen on the partners' accounts."""

    kinds: frozenset[str]
    plan: Plan
    connected: bool = False


@cache
def handlers() -> dict[str, Handler]:
    """Return the handler of every kind that the desk acts on."""
    found: dict[str, Handler] = {}
    for module in pkgutil.iter_modules(__path__):
        handler = getattr(importlib.import_module(f"{__name__}.{module.name}"), "HANDLER", None)
        if isinstance(handler, Handler):
            found |= dict.fromkeys(handler.kinds, handler)
    return found
