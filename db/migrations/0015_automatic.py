"""A policy may approve by itself, up to a sum a day."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Runs 0015_automatic.sql."""
    run_sql_beside(__file__, op.get_bind())
