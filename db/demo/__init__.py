"""Demo data: a small company's desk after three months of work, made by the operations of core and by nothing else.

`load` lives the months day by day with `now` moved along: files come in, jobs run, people ask, review and decide, the
simulator sends. It ends on a morning with work to do.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

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

    live_through(owner, rejects_dir=settings.data_dir / "rejects", now=now)
