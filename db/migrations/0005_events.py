"""What the provider tells of by itself: its events, each applied once."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Runs 0005_events.sql."""
    run_sql_beside(__file__, op.get_bind())
