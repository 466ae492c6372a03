"""What a scenario of the drill tells: every scenario's module offers `run(seed, *, quick) -> Report`.

A scenario that finds something wrong raises AssertionError; its words name the seed and the command that replays it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(kw_only=True)
class Report:
    """One scenario's count: how many runs it made, figures by name, and how long it took."""

    name: str
    runs: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, **figures: int) -> None:
        """Count one run and add to its figures."""
        self.runs += 1
        for name, figure in figures.items():
            self.figures[name] = self.figures.get(name, 0) + figure


class Scenario(Protocol):
    """A scenario's `run`: `quick` is the small part that every run of the tests makes."""

    def __call__(self, seed: int, *, quick: bool) -> Report: ...


@contextmanager
def scenario(name: str, seed: int, *, quick: bool) -> Iterator[Report]:
    """Give a report to fill and time it; what fails inside is raised with its seed and how to replay it."""
    report, begun = Report(name=name), time.monotonic()
    try:
        yield report
    except AssertionError as fault:
        replay = f"python -m tests.drill --only {name} --seed {seed}{' --quick' if quick else ''}"
        raise AssertionError(
            f"{name}, seed {seed}, after {report.runs} runs: {fault}\nreplay: {replay}"
        ) from fault
    report.seconds = time.monotonic() - begun
