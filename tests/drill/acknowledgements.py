"""COMMIT was sent, and then the line was dead: nobody knows whether it is done. Every commit of every job, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.drill.databases import Saved, sessions_gone
from tests.drill.desks import Place, once_more, place
from tests.drill.kills import finish, state, task
from tests.drill.report import Report, scenario
from tests.drill.stages import QUICK, STAGES, Stage
from tests.drill.wire import Where, Wire
from tests.drill.workers import ENDED_BADLY, ENDED_WELL, NAME, Workers

WAYS: tuple[Where, ...] = ("before", "after")


def run(seed: int, *, quick: bool) -> Report:
    """Lose each answer on its way back, and in the long drill each COMMIT on its way there; `seed` is not used."""
    with scenario("acknowledgements", seed, quick=quick) as report, Workers() as workers:
        for stage in QUICK if quick else STAGES:
            with place() as ready:
                payouts = stage.prepare(ready)
                saved = Saved(ready.url)
                with once_more(ready, saved) as here:
                    commits, end = discover(stage, here, payouts, workers)
                report.figures[f"commits of {stage.name}"] = commits
                for at in range(1, commits + 1):
                    for where in WAYS[1:] if quick else WAYS:
                        with once_more(ready, saved) as here:
                            lose(stage, here, payouts, workers, at=at, where=where)
                            assert state(here) == end, f"{stage.name}, {where} commit {at}: another end"
                        report.add(lost=1)
    return report


def discover(stage: Stage, here: Place, payouts: Sequence[int], workers: Workers) -> tuple[int, list[object]]:
    """Run once on a whole wire; return its commits and the state in the end."""
    with Wire(here.url) as wire:
        ended = workers.run(replace(task(stage, here, payouts), database=wire.url))
        assert ended.code == 0, f"{stage.name}: {ended.said}\n{workers.errors()}"
    seen = sum(label.startswith("before COMMIT") for label in ended.points)
    assert wire.commits == seen > 0, f"{wire.commits} commits on the wire, {seen} in the worker"
    finish(stage, here, payouts, workers)
    return wire.commits, state(here)


def lose(
    stage: Stage, here: Place, payouts: Sequence[int], workers: Workers, *, at: int, where: Where
) -> None:
    """Lose one commit or its answer, and let a fresh worker finish."""
    with Wire(here.url, at=at, where=where) as wire:
        ended = workers.run(replace(task(stage, here, payouts), database=wire.url))
    told = f"{stage.name}, {where} commit {at}"
    assert wire.lost == 1, f"{told}: it was not lost"
    # A job of many small units may have done this one again by itself.
    assert ended.code in {ENDED_WELL, ENDED_BADLY}, f"{told}: the worker died of it: {ended.said}"
    sessions_gone(here.url, NAME)
    here.agrees(quiescent=False)
    finish(stage, here, payouts, workers)
