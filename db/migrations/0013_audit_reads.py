"""The audit trail can be looked through by what was done."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Runs 0013_audit_reads.sql."""
    run_sql_beside(__file__, op.get_bind())
