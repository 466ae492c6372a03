"""Reconciliation: the provider's books as it last showed them, and every difference to ours."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Runs 0004_reconcile.sql."""
    run_sql_beside(__file__, op.get_bind())
