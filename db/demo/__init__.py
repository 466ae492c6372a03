"""Demo data: a small company's desk after three months of work, made by the operations of core and by nothing else.

`load` lives the months day by day with `now` moved along: files come in, jobs run, people ask, review and decide, the
simulator sends. It ends on a morning with work to do.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from core import audit
from core.access import Actor
from core.settings import Settings

SIGN_INS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("vera", "vera-looks-around", ("viewer",)),
    ("oscar", "oscar-runs-the-jobs", ("operator",)),
    ("mia", "mia-makes-payouts", ("maker",)),
    ("ada", "ada-approves-first", ("approver",)),
    ("ben", "ben-approves-second", ("approver",)),
    ("alma", "alma-minds-the-desk", ("admin",)),
)


def load(owner: Engine, settings: Settings, *, now: datetime) -> None:
    """Fill an empty, migrated database with the demo as it stands at `now` (aware UTC)."""
    from db.demo.history import live_through

    _note(owner, "demo.begun", now=now)
    live_through(owner, data_dir=settings.data_dir, now=now)
    _note(owner, "demo.made", now=now)


def _note(owner: Engine, action: str, *, now: datetime) -> None:
    """Leave a trace at either end, so that a demo that was cut short is known as such."""
    actor = Actor(name="os:demo", channel="cli")
    with owner.begin() as conn:
        audit.record(conn, action, subject="demo", ids=[], actor=actor, now=now)
