"""A request may go beyond a rule where two people agree; partners carry notes and a second method."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Runs 0016_requests.sql."""
    run_sql_beside(__file__, op.get_bind())
