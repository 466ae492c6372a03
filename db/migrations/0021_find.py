"""Anything is found by what it was once called, too."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Runs 0021_find.sql."""
    run_sql_beside(__file__, op.get_bind())
