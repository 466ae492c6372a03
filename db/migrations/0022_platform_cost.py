"""What a payout costs us, where its fee is borne by the platform."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Runs 0022_platform_cost.sql."""
    run_sql_beside(__file__, op.get_bind())
