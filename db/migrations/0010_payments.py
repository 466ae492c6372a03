"""Payments of customers as the provider shows them: those without a partner, and those that paid the partner already."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Runs 0010_payments.sql."""
    run_sql_beside(__file__, op.get_bind())
