"""More channels, languages and preferences for what the desk tells."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Runs 0018_messages.sql."""
    run_sql_beside(__file__, op.get_bind())
