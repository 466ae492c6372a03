"""Money that goes back: refunds of services, and closer rules for corrections and returns."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Runs 0003_money_back.sql."""
    run_sql_beside(__file__, op.get_bind())
