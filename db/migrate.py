"""The schema's history: a revision is `NNNN_name.sql`, to be read, and `NNNN_name.py` beside it, which runs it."""

from pathlib import Path

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATIONS = Path(__file__).parent / "migrations"

WITHOUT_TIMEOUT = text("SET LOCAL statement_timeout = 0")
# Held to the end of the transaction: of two processes that migrate at once, the second finds nothing to do.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('paydesk.migrate'))")


def migrate(engine: Engine) -> str:
    """Brings the database to the newest revision, all or nothing, and returns it; `engine` owns the schema."""
    scripts = _scripts()

    def upgrade(revision: str, _context: MigrationContext) -> list[RevisionStep]:
        return list(scripts._upgrade_revs("head", revision))  # noqa: SLF001 - as Alembic's documentation has it

    with engine.begin() as conn:
        conn.execute(WITHOUT_TIMEOUT)
        conn.execute(LOCK)
        with EnvironmentContext(Config(), scripts, fn=upgrade) as environment:
            environment.configure(connection=conn)
            environment.run_migrations()
    return _newest(scripts)


def run_sql_beside(revision_file: str, conn: Connection) -> None:
    """Runs the `.sql` file of the same name as one script; without parameters `%` and `:` are plain text."""
    driver_connection = conn.connection.driver_connection
    if not isinstance(driver_connection, psycopg.Connection):
        message = "Migrations run through psycopg only."
        raise TypeError(message)
    driver_connection.execute(Path(revision_file).with_suffix(".sql").read_bytes())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)])


def _newest(scripts: ScriptDirectory) -> str:
    newest = scripts.get_current_head()
    if newest is None:
        message = f"No migration in {MIGRATIONS}."
        raise FileNotFoundError(message)
    return newest
