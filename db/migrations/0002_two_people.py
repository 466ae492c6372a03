"""A second person, and the switch that stops all sending."""

from alembic import op

from db.migrate import run_sql_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Runs 0002_two_people.sql."""
    run_sql_beside(__file__, op.get_bind())
