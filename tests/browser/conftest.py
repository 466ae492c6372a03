"""A dashboard with some data, and a page of Chromium; without Chromium the tests are skipped and say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine

from tests.browser import driving
from tests.browser.desk import dashboard
from tests.world import World, populate


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A running dashboard, the database under it, and what is in it."""

    url: str
    database_url: str
    engine: Engine
    world: World
    data_dir: Path


@pytest.fixture(autouse=True)
def chromium() -> None:
    """No journey without a browser, and nothing is built for one."""
    if driving.chromium() is None:
        pytest.skip("there is no Chromium on this machine")


@pytest.fixture
def desk(database: str, engine: Engine, tmp_path: Path) -> Iterator[Desk]:
    world = populate(engine, now=datetime.now(UTC))
    with dashboard(database, tmp_path) as url:
        yield Desk(url=url, database_url=database, engine=engine, world=world, data_dir=tmp_path)


@pytest.fixture
def page() -> Iterator[Page]:
    with driving.browser() as opened:
        yield driving.new_page(opened)
