"""Policies change by two people, one version after the other."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Runs 0011_policies.sql."""
    run_sql_beside(__file__, op.get_bind())
