"""What the analysts read is counted as it happens."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Runs 0019_reads.sql."""
    run_sql_beside(__file__, op.get_bind())
