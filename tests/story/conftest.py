from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.desk import Desk, open_desk


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    """A desk of this test's own, with the preset programs."""
    return open_desk(engine, tmp_path)
