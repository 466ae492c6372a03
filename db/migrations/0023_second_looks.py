"""What a person ended is never approved by the policy, and whoever kept a backup is a maker of what goes there."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Runs 0023_second_looks.sql."""
    run_sql_beside(__file__, op.get_bind())
