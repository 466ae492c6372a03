"""kill -9 of PostgreSQL in the middle of sending: at every point of the protocol, its postmaster alone or all of it.

The worker stands still at the point while the server dies, and goes on without it; the server recovers, a fresh worker
finishes, and the end is the one without a kill.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from db import server
from db.engine import make_engine
from tests import conftest
from tests.desk import NOW, open_desk
from tests.drill.agreeing import Witness
from tests.drill.databases import Saved, engine_of
from tests.drill.desks import Place, once_more
from tests.drill.kills import finish, state, task
from tests.drill.report import Report, scenario
from tests.drill.stages import QUICK, Stage
from tests.drill.workers import ENDED_BADLY, Workers
from tests.stripe.fake import FakeStripe

QUICK_AT = "POST /v1/transfers: answer read, nothing recorded"


def run(seed: int, *, quick: bool) -> Report:
    """Kill the server at every point (quick: when money has left and nothing says so yet); `seed` is not used."""
    [stage] = QUICK
    with (
        scenario("postgres", seed, quick=quick) as report,
        Workers() as workers,
        cluster() as folder,
        on(folder) as ready,
    ):
        stage.prepare(ready)
        saved = Saved(ready.url)
        with once_more(ready, saved) as here:
            points = workers.run(task(stage, here, ())).points
            finish(stage, here, (), workers)
            end = state(here)
        numbered = list(enumerate(points, start=1))
        for number, label in numbered:
            if quick and label != QUICK_AT:
                continue
            with once_more(ready, saved) as here:
                dies(stage, here, workers, folder, number, whole=number % 2 == 0)
                assert state(here) == end, f"killed at {number}, {label}: another end: {state(here)}"
            report.add(kills=1)
    return report


@contextmanager
def cluster() -> Iterator[Path]:
    """A PostgreSQL of this scenario's own, migrated."""
    folder = Path(tempfile.mkdtemp(prefix="desk-drill-postgres-"))
    folder.chmod(0o755)
    try:
        engine = make_engine(server.start(folder), application_name="drill", pool_size=1)
        conftest._fill(engine)
        engine.dispose()
        yield folder
    finally:
        server.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def on(folder: Path) -> Iterator[Place]:
    """A desk on this cluster and a fake Stripe."""
    url = server.start(folder)
    with engine_of(url) as engine, FakeStripe(at=NOW, any_account=True) as fake:
        yield Place(url, open_desk(engine, folder), fake, Witness(fake, url), NOW)


def dies(stage: Stage, here: Place, workers: Workers, folder: Path, number: int, *, whole: bool) -> None:
    """Let the server die while the worker stands at a point, start it again, and let a fresh worker finish."""
    stopped = replace(task(stage, here, (), at=number), signal=signal.SIGSTOP)
    worker = workers.start(stopped)
    assert worker.wait_until_stopped(), f"it never came to point {number}"
    kill(folder, whole=whole)
    os.kill(worker.pid, signal.SIGCONT)
    ended = worker.wait()
    assert ended.code in {0, ENDED_BADLY}, f"the worker died of it: {ended.code}, {ended.said}"
    assert server.start(folder) == here.url
    here.agrees(quiescent=False)
    finish(stage, here, (), workers)


def kill(folder: Path, *, whole: bool) -> None:
    """kill -9 the postmaster, or every process of the server, and wait until all are gone."""
    pid = int((folder / server.FOLDER / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family if whole else family[:1]:
        process.kill()
    _, alive = psutil.wait_procs(family, timeout=120)
    assert not alive, f"still there: {alive}"
