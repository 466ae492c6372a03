"""`python -m tests.bench`: the desk's set-based ways against the row-by-row way, on one server, in one run.

Row-by-row figures come from a sample and are extrapolated, which the table says. Nothing is asserted: figures of a
shared machine swing, the ratios tell whether the shape is kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import psycopg
from sqlalchemy import text

from core.decisions import Wanted, approve_payouts
from core.queueing import queue_due
from core.reads.filters import PayoutFilter
from core.reads.payouts import PAGE_ROWS, list_payouts
from core.release import release_due
from tests.bench import one_by_one
from tests.bench.world import ADA, LAST_FILE, NOW, World, build, own_database

SAMPLE_PARTNERS = 60  # handled one by one before the rest is handled at once
SAMPLE_ROWS = 300
BATCH = 1_000
CALLS, NAIVE_CALLS = 60, 5


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: `n` things in `seconds`, and the sample done one by one."""

    what: str
    n: int
    seconds: float
    sample: int
    sample_seconds: float

    def line(self) -> str:
        """The line as it is printed."""
        rate, slow = self.n / self.seconds, self.sample / self.sample_seconds
        return (
            f"{self.what:<34}{self.n:>9,}{self.seconds:>9.2f} s{rate:>11,.0f}/s{slow:>10,.0f}/s"
            f"{self.n / slow:>10,.0f} s{rate / slow:>8,.0f}×   (from {self.sample:,})"
        )


def timed(work: Callable[[], object]) -> float:
    """Seconds the work took."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--earnings", type=int, default=200_000)
    parser.add_argument("--partners", type=int, default=20_000)
    wanted = parser.parse_args()
    with own_database() as url, tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        world = build(url, partners=wanted.partners, earnings=wanted.earnings, rejects_dir=Path(folder))
        built = time.perf_counter() - begun
        print(f"{world.partners:,} partners, {world.earnings:,} earnings; built in {built:.0f} s\n")
        head = f"{'':<34}{'n':>9}{'at once':>11}{'':>13}{'one by one':>12}{'all so':>12}{'ratio':>9}"
        print(head)
        for measure in (imports, release, queue, pages, approve):
            measure(world, url)
            sys.stdout.flush()
        world.engine.dispose()


def imports(world: World, url: str) -> None:
    """The last file of sales against bare COPY of the same rows into a table without index or rule."""
    data = world.sales_file(world.earnings - LAST_FILE, LAST_FILE)
    sample_s = timed(lambda: one_by_one.take_in_sales(world.engine, 0, SAMPLE_ROWS, world.partners))
    seconds = timed(lambda: world.take_in("sales", data))
    figure = Figure(
        what="import sales", n=LAST_FILE, seconds=seconds, sample=SAMPLE_ROWS, sample_seconds=sample_s
    )
    print(figure.line())
    bare = min(timed(lambda: _bare_copy(url, data)) for _ in range(3))
    print(
        f"{'  bare COPY of the same rows':<34}{LAST_FILE:>9,}{bare:>9.2f} s{LAST_FILE / bare:>11,.0f}/s",
        end="",
    )
    print(f"   the import reaches {bare / seconds:.1%} of it")


def _bare_copy(url: str, data: bytes) -> None:
    columns = "program, partner_code, kind, source_ref, occurred_at, gross, currency, description"
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE bare (program text, partner_code text, kind text, source_ref text,"
            " occurred_at timestamptz, gross numeric, currency text, description text) ON COMMIT DROP"
        )
        with cursor.copy(f"COPY bare ({columns}) FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(data)


def _partner_ids(world: World) -> list[int]:
    with world.engine.connect() as conn:
        return list(
            conn.execute(
                text("SELECT id FROM partner ORDER BY id LIMIT :n"), {"n": SAMPLE_PARTNERS}
            ).scalars()
        )


def release(world: World, _url: str) -> None:
    """Everything that has matured, by partner ranges."""
    few = _partner_ids(world)
    held = text(
        "SELECT count(*) FROM open_item o JOIN partner_balance b USING (partner_id) WHERE o.release_at > b.released_to"
    )
    begun = time.perf_counter()
    sample = one_by_one.release(world.engine, few)
    sample_s = time.perf_counter() - begun
    with world.engine.connect() as conn:
        n = int(conn.execute(held).scalar_one())
    seconds = timed(lambda: release_due(world.engine, now=NOW))
    print(
        Figure(what="release earnings", n=n, seconds=seconds, sample=sample, sample_seconds=sample_s).line()
    )
    idle = timed(lambda: release_due(world.engine, now=NOW))
    print(f"{'  again, nothing due':<34}{0:>9}{idle:>9.2f} s")


def queue(world: World, _url: str) -> None:
    """One payout for every partner, of all its earnings."""
    few = _partner_ids(world)
    begun = time.perf_counter()
    sample = one_by_one.queue(world.engine, few)
    sample_s = time.perf_counter() - begun
    begun = time.perf_counter()
    n = queue_due(world.engine, now=NOW, run_id=2).count
    seconds = time.perf_counter() - begun
    print(Figure(what="queue payouts", n=n, seconds=seconds, sample=sample, sample_seconds=sample_s).line())


def approve(world: World, _url: str) -> None:
    """Every pending payout, in batches."""
    with world.engine.connect() as conn:
        ids = list(conn.execute(text("SELECT id FROM payout WHERE status = 'pending' ORDER BY id")).scalars())
    few, rest = ids[:SAMPLE_ROWS], ids[SAMPLE_ROWS:]
    sample_s = timed(lambda: one_by_one.approve(world.engine, few))

    def in_batches() -> None:
        for start in range(0, len(rest), BATCH):
            with world.engine.begin() as conn:
                batch = [Wanted(id=payout_id) for payout_id in rest[start : start + BATCH]]
                approve_payouts(conn, batch, actor=ADA, now=NOW)

    seconds = timed(in_batches)
    what = f"approve payouts, {BATCH:,} a batch"
    print(Figure(what=what, n=len(rest), seconds=seconds, sample=len(few), sample_seconds=sample_s).line())


def pages(world: World, _url: str) -> None:
    """Pages of the queue: the first, and one far down, against fetching everything."""
    pending = PayoutFilter(status="pending")
    with world.engine.connect() as conn:
        total = int(conn.execute(text("SELECT count(*) FROM payout WHERE status = 'pending'")).scalar_one())
        depth = total * 3 // 4
        deep = list_payouts(conn, pending, now=NOW, masked=False, limit=depth).next
        for what, cursor, first in (("first", None, 0), (f"after {depth:,} rows", deep, depth)):
            calls = [
                timed(lambda cursor=cursor: list_payouts(conn, pending, now=NOW, masked=False, cursor=cursor))  # type: ignore[misc]
                for _ in range(CALLS)
            ]
            slow = [
                timed(lambda first=first: one_by_one.page(conn, first=first, rows=PAGE_ROWS))  # type: ignore[misc]
                for _ in range(NAIVE_CALLS)
            ]
            p50, p95 = median(calls) * 1000, quantiles(calls, n=20)[-1] * 1000
            naive = median(slow) * 1000
            name = f"queue page, {what}"
            print(f"{name:<34}{total:>9,}   p50 {p50:.1f} ms   p95 {p95:.1f} ms   ", end="")
            print(f"everything into memory: {naive:,.0f} ms{naive / p50:>8,.0f}×")


if __name__ == "__main__":
    main()
