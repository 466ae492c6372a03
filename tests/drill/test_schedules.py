"""The chosen schedules, each of them in every run of the tests."""

from collections.abc import Iterator

import pytest

from tests.drill.schedules import SCHEDULES, play
from tests.drill.steps import Schedule
from tests.drill.world import prepared


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    with prepared() as url:
        yield url


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: str(schedule.__name__))
def test_whatever_happened(schedule: Schedule, template: str) -> None:
    play(schedule, template)
