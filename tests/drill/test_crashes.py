"""The small part of every crash scenario, with every run of the tests; `make drill` runs them whole."""

import pytest

from tests.drill.report import Scenario
from tests.drill.scenarios import SCENARIOS

pytestmark = pytest.mark.faults
SEED = 1


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_after_every_crash_both_books_agree_and_nothing_is_left_lying(scenario: Scenario) -> None:
    report = scenario(SEED, quick=True)

    assert report.runs > 0
