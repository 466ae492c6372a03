from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.core.imports.desk import Desk


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)
