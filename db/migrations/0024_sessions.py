"""A session left alone ends in its own browser, whoever its person is at work in another."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Runs 0024_sessions.sql."""
    run_sql_beside(__file__, op.get_bind())
