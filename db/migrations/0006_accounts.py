"""Connected accounts as Stripe last showed them, and what their banks did with the money."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Runs 0006_accounts.sql."""
    run_sql_beside(__file__, op.get_bind())
