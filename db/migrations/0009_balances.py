"""The provider's balance against our books, and reconciliations that a person asked for."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Runs 0009_balances.sql."""
    run_sql_beside(__file__, op.get_bind())
