"""What a job is. A module of this folder that holds `JOB = Job(...)` is one: adding a job is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from sqlalchemy import Connection, Engine

import jobs
from core.runs import RunResult
from core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What one run works on and how far: the options of the command line, or none of them from the timetable."""

    engine: Engine
    settings: Settings
    now: datetime
    run_id: int
    program: str | None = None
    partner: str | None = None
    payout_id: int | None = None
    limit: int | None = None
    dry_run: bool = False
    stopping: Callable[[], bool] = lambda: False


# One unit of work, safe to run twice, late, or in two processes at once: it does what is due at `orders.now`.
RunOnce = Callable[[Orders], RunResult]


class Slots(Protocol):
    """Instants at which a job is due, whether or not anybody was there."""

    def latest(self, now: datetime) -> datetime:
        """Return the last slot at or before `now`."""
        ...

    def following(self, now: datetime) -> datetime:
        """Return the first slot after `now`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: its name is the command and the lock; without `slots` and `every_s` it runs by hand only."""

    name: str
    sentence: str
    run_once: RunOnce
    slots: Slots | None = None
    every_s: float | None = None
    after: tuple[str, ...] = ()  # jobs that serve the same night first
    asked: Callable[[Connection], bool] | None = None  # whether somebody wants it now, whatever the slots say
    options: frozenset[str] = frozenset()  # of: program, partner, payout_id, limit

    @property
    def checked_every_s(self) -> float:
        """How often the timetable looks whether it is due; by slots the database says so."""
        return self.every_s or 5.0


NIGHT_IN_ORDER = (
    "accrue",
    "release",
    "queue",
    "send",
    "retry",
    "resolve",
    "reversals",
    "events",
    "reconcile",
    "remind",
    "notify",
    "check",
)


@cache
def all_jobs() -> dict[str, Job]:
    """Return every job found in this folder by name, those of the night in their order first."""
    found = {}
    for module in pkgutil.iter_modules(jobs.__path__):
        if module.name not in {"__main__", "cli"} and not module.ispkg:
            job = getattr(importlib.import_module(f"jobs.{module.name}"), "JOB", None)
            if isinstance(job, Job):
                found[job.name] = job
    order = {name: place for place, name in enumerate(NIGHT_IN_ORDER)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
