"""A person has the scheduler run a job, or pause one until an instant."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Runs 0020_job_orders.sql."""
    run_sql_beside(__file__, op.get_bind())
