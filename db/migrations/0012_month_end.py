"""Month end: movements by time, and what the company's own books call our accounts."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Runs 0012_month_end.sql."""
    run_sql_beside(__file__, op.get_bind())
