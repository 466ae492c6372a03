"""Reversals by us: money of a paid payout that two people take back."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Runs 0008_reversals.sql."""
    run_sql_beside(__file__, op.get_bind())
