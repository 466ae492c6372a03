"""Approved payouts of methods without an API leave in files that are marked by hand."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Runs 0017_payment_files.sql."""
    run_sql_beside(__file__, op.get_bind())
