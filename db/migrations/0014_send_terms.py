"""A program's approved payouts wait, and leave inside its hours."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Runs 0014_send_terms.sql."""
    run_sql_beside(__file__, op.get_bind())
