"""Real PostgreSQL for every test: an embedded server of the run's own, or the one DATABASE_URL names.

One template database is migrated once per run and cloned for a test in milliseconds, across all workers.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import fasteners
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from sqlalchemy import Connection, Engine, make_url

from core.programs import install_presets
from db import server
from db.engine import app_role, make_engine
from db.migrate import migrate

RUN_FOLDER = "DESK_TESTS_FOLDER"  # made by the first process, inherited by its workers
IN_MEMORY, ROOM_BYTES = Path("/dev/shm"), 6 * 10**9  # noqa: S108 - a folder of this run's own is made in it
CONNECTIONS = 500  # of as many workers as a machine has room for; each has desks and schedulers of its own

# How long an example takes to make or to run tells how busy the machine is, and nothing of what is tested.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("desk")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_run()


def begin_run() -> None:
    """Make the folder that everything of one run is kept in: in memory where there is room, since a disk takes longer to
    clone a database of hundreds of files than most tests take.
    """
    roomy = (
        IN_MEMORY.is_dir()
        and os.access(IN_MEMORY, os.W_OK)
        and shutil.disk_usage(IN_MEMORY).free > ROOM_BYTES
    )
    os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="desk-tests-", dir=IN_MEMORY if roomy else None)


def end_run() -> None:
    """Stop the run's server and leave nothing behind."""
    folder = os.environ.get(RUN_FOLDER)
    if folder is None:
        return
    if template := _template_made(Path(folder)):
        _drop(_server_url(Path(folder)), template)
    server.stop(Path(folder))
    shutil.rmtree(folder)
    del os.environ[RUN_FOLDER]


@pytest.fixture(scope="session")
def server_url() -> str:
    """The server of this run, by a database that is not a test's."""
    return _server_url(Path(os.environ[RUN_FOLDER]))


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a database as the migration leaves it; nobody may be connected to it while it is cloned."""
    return migrated_template(server_url)


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[str]:
    """The libpq URL, as the schema's owner, of a database of this test's own."""
    yield from _clone(server_url, template)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """A pool over this test's own database, in the role of the desk's processes."""
    engine = make_engine(database, application_name="paydesk tests", role=app_role(database))
    yield engine
    engine.dispose()


@pytest.fixture
def conn(_shared_app: Engine) -> Iterator[Connection]:
    """One transaction in the role of the desk's processes, undone at the end."""
    yield from _undone(_shared_app)


@pytest.fixture
def owner(_shared_owner: Engine) -> Iterator[Connection]:
    """One transaction as the schema's owner, undone at the end."""
    yield from _undone(_shared_owner)


@pytest.fixture(scope="session")
def _shared_database(server_url: str, template: str) -> Iterator[str]:
    yield from _clone(server_url, template)


@pytest.fixture(scope="session")
def _shared_app(_shared_database: str) -> Iterator[Engine]:
    engine = make_engine(_shared_database, application_name="paydesk tests", role=app_role(_shared_database))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _shared_owner(_shared_database: str) -> Iterator[Engine]:
    engine = make_engine(_shared_database, application_name="paydesk tests")
    yield engine
    engine.dispose()


def migrated_template(server_url: str) -> str:
    """Return the name of a migrated database to clone, made by whichever process comes first."""
    folder = Path(os.environ[RUN_FOLDER])
    with fasteners.InterProcessLock(folder / "template.lock"):
        made = _template_made(folder)
        if made is None:
            made = _new_name()
            _run(server_url, "CREATE DATABASE {}", made)
            engine = make_engine(_url_of(server_url, made), application_name="paydesk tests", pool_size=1)
            _fill(engine)
            engine.dispose()
            (folder / "template").write_text(made)
        return made


def _fill(engine: Engine) -> None:
    """What `python -m jobs db migrate` does."""
    migrate(engine)
    with engine.begin() as connection:
        install_presets(connection, now=datetime.now(UTC))


def _undone(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        if transaction.is_active:
            transaction.rollback()


def _clone(server_url: str, template: str) -> Iterator[str]:
    name = _new_name()
    _run(server_url, "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
    yield _url_of(server_url, name)
    _drop(server_url, name)


def _drop(server_url: str, name: str) -> None:
    _run(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def _server_url(folder: Path) -> str:
    if given := os.environ.get("DATABASE_URL"):
        return given
    with fasteners.InterProcessLock(folder / "server.lock"):
        url = server.start(folder)
        if _settle(url):
            server.stop(folder)
            server.start(folder)
    return url


def _settle(url: str) -> bool:
    """Set what a server of tests alone has otherwise, and tell whether it has to be started again for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SHOW max_connections").fetchone() == (str(CONNECTIONS),):
            return False
        connection.execute(
            "ALTER SYSTEM SET fsync = off"
        )  # what these tests kill are processes, not machines
        connection.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
    return True


def _template_made(folder: Path) -> str | None:
    made = folder / "template"
    return made.read_text() if made.exists() else None


def _new_name() -> str:
    return f"paydesk_test_{uuid4().hex}"


def _url_of(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def _run(server_url: str, statement: str, *names: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
