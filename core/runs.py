"""What a run of a job that works in ranges of partners returns, and how it walks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text

# Partners per transaction: their money is locked for under a second, so a click never waits long for a job.
RANGE = 1_000


@dataclass(kw_only=True)
class RunResult:
    """How many a run moved, their amounts by currency in minor units, and what else it has to say."""

    count: int = 0
    amounts: Counter[str] = field(default_factory=Counter)
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def unit_of_work(engine: Engine, *, dry_run: bool) -> Iterator[Connection]:
    """Open one transaction of a run; a dry run does the same work and takes it back, so that its figures are true."""
    with engine.connect() as conn, conn.begin() as transaction:
        yield conn
        if dry_run:
            transaction.rollback()


PARTNERS = text("""
    SELECT p.id FROM partner p JOIN program g ON g.id = p.program_id
     WHERE (CAST(:program AS text) IS NULL OR g.code = :program)
       AND (CAST(:partner AS text) IS NULL OR p.code = :partner)
     ORDER BY p.id
""")


def partner_ranges(
    conn: Connection, *, program: str | None = None, partner: str | None = None, limit: int | None = None
) -> Iterator[list[int]]:
    """Yield the ids of the wanted partners, at most `limit` of them, a range at a time, in id order."""
    ids = list(conn.execute(PARTNERS, {"program": program, "partner": partner}).scalars())[:limit]
    for start in range(0, len(ids), RANGE):
        yield ids[start : start + RANGE]
