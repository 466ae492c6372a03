from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.desk import Desk, open_desk
from tests.jobs.conftest import environment, run
from tests.jobs.terminal import SECRET
from tests.story.journey import Journey, Run

__all__ = ["environment", "run"]  # the fixtures of the terminal serve here too

PEOPLE = (("mia", "maker"), ("ada", "approver"), ("abe", "approver"), ("ola", "operator"))


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    """A desk of this test's own, with the preset programs."""
    return open_desk(engine, tmp_path)


@pytest.fixture
def journey(desk: Desk, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journey:
    """A desk with its people, on the first of September, whose provider pays whatever is sent."""
    monkeypatch.setenv(
        "PAYDESK_SIMULATOR_SUCCESS", "stripe=1,stripe_instant=1,bank_transfer=1,paypal=1,check=1"
    )
    journey = Journey(desk, run, tmp_path, at=datetime(2026, 9, 1, 9, tzinfo=UTC))
    for name, role in PEOPLE:
        assert (
            run("users", "add", name, "--role", role, stdin=SECRET + "\n", now=journey.at.isoformat())[0] == 0
        )
    return journey
