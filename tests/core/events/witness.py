"""Handlers of kinds that only tests know: their effect is a row of the audit trail, and they go wrong when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from core import audit
from core.access import job_actor
from core.events import Effect, Handler, handlers
from core.providers.events import EventSource, ProviderEvent
from tests.desk import NOW, Desk

HAPPENED, MOVED = "test.happened", "test.moved"


@dataclass
class Witness:
    """What was looked at; `before` is called while an effect runs, after it changed the desk."""

    looked: list[str] = field(default_factory=list)
    planning: Callable[[ProviderEvent], object] = lambda _event: None
    before: Callable[[ProviderEvent], object] = lambda _event: None
    idle: bool = False
    wordless: bool = False  # the law refuses an end that does not say what was done

    def plan(self, _source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
        self.looked.append(event.object_ref)
        self.planning(event)
        if self.idle:
            return None

        def effect(conn: Connection, now: datetime) -> str:
            details = {"object": event.object_ref}
            actor = job_actor("events")
            audit.record(conn, "test.seen", subject="job", ids=[], actor=actor, now=now, details=details)
            self.before(event)
            return "" if self.wordless else f"saw {event.object_ref}"

        return effect


@contextmanager
def witnessing(*more: str) -> Iterator[Witness]:
    """Have a witness handle its two kinds, and `more` of the platform's, for a while."""
    witness = Witness()
    kinds = frozenset({HAPPENED, *more})
    added = dict.fromkeys(kinds, Handler(kinds=kinds, plan=witness.plan))
    added[MOVED] = Handler(kinds=frozenset({MOVED}), plan=witness.plan, connected=True)
    before = dict(handlers())
    handlers().update(added)
    try:
        yield witness
    finally:
        handlers().clear()
        handlers().update(before)


def event_of(
    ref: str,
    object_ref: str = "tr_1",
    *,
    kind: str = HAPPENED,
    account: str | None = None,
    at: datetime = NOW,
) -> ProviderEvent:
    """An event as a source tells it."""
    return ProviderEvent(ref=ref, kind=kind, object_ref=object_ref, account=account, created_at=at)


def effects(desk: Desk) -> list[object]:
    """The objects whose effects the desk holds, in order."""
    return desk.column("SELECT details ->> 'object' FROM audit WHERE action = 'test.seen' ORDER BY seq")


def states(desk: Desk) -> list[object]:
    """How every event stands, by its id."""
    return desk.column("SELECT state FROM provider_event ORDER BY ref")
