"""The planted bugs themselves: they say what they are and still fit. That each is caught, `python -m tests.drill` proves."""

import pytest

from tests.drill.planting import ROOT, Bug, bugs, put_in


def test_there_are_at_least_twenty() -> None:
    assert len(bugs()) >= 20


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: str(bug.name))
def test_it_still_fits(bug: Bug) -> None:
    put_in(bug, ROOT, dry_run=True)
