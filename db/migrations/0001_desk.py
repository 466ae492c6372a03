"""The desk: its tables, their law and the grants."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs 0001_desk.sql."""
    run_sql_beside(__file__, op.get_bind())
