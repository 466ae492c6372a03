"""The outbox: what is to be told to whom, each once."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Runs 0007_outbox.sql."""
    run_sql_beside(__file__, op.get_bind())
