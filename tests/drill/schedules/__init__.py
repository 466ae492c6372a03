"""Chosen schedules: the shapes in which money was paid twice, lost or sent unapproved elsewhere, one after the other.

Each is a few steps under the laws of `tests/drill/laws.py` and then settles; what it says itself is what came of it.
"""

from __future__ import annotations

from tests.drill.laws import settle
from tests.drill.report import Report, scenario
from tests.drill.schedules import answers, cents, decisions, refusals
from tests.drill.steps import Schedule, Steps
from tests.drill.world import prepared, world

SCHEDULES: tuple[Schedule, ...] = (
    *answers.SCHEDULES,
    *refusals.SCHEDULES,
    *decisions.SCHEDULES,
    *cents.SCHEDULES,
)


def play(schedule: Schedule, template: str) -> dict[str, int]:
    """Play one schedule in a world of its own, let it settle, and return what both books hold."""
    with world(template) as one:
        schedule(Steps(one))
        return settle(one)


def run(seed: int, *, quick: bool) -> Report:
    """Play every chosen schedule; they need no seed."""
    with scenario("schedules", seed, quick=quick) as report, prepared() as template:
        for schedule in SCHEDULES:
            try:
                figures = play(schedule, template)
            except AssertionError as fault:
                raise AssertionError(f"{schedule.__name__}: {fault}") from fault
            report.add(**figures)
    return report
