from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core import audit
from core.settings import Settings
from jobs.setup import DemoCutShort, load_demo
from tests import builders
from tests.desk import HOST, NOW


class TestLoadDemo:
    def test_refuses_a_demo_that_was_cut_short_instead_of_taking_it_for_a_whole_one(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        settings = Settings.from_env({"PAYDESK_ENV": "demo", "PAYDESK_DATA_DIR": str(tmp_path)})
        with engine.begin() as conn:
            audit.record(conn, "demo.begun", subject="demo", ids=[], actor=HOST, now=NOW)
            builders.partner(conn, builders.program(conn))

        with pytest.raises(DemoCutShort):
            load_demo(engine, settings, now=NOW)

    def test_leaves_a_database_with_work_in_it_alone(self, engine: Engine, tmp_path: Path) -> None:
        settings = Settings.from_env({"PAYDESK_ENV": "demo", "PAYDESK_DATA_DIR": str(tmp_path)})
        with engine.begin() as conn:
            builders.partner(conn, builders.program(conn))

        assert load_demo(engine, settings, now=NOW) is False

        with engine.connect() as conn:
            assert conn.execute(text("SELECT count(*) FROM partner")).scalar_one() == 1
