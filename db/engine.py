"""The one way to open the database."""

from sqlalchemy import Connection, Engine, create_engine, make_url, text

__all__ = ["Connection", "Engine", "app_role", "make_engine"]  # pages name the two without reaching for SQL

DRIVER = "postgresql+psycopg"
APP_ROLE = "paydesk_app"

MAY_TAKE_ROLE = text("SELECT 1 FROM pg_roles WHERE rolname = :role AND pg_has_role(oid, 'MEMBER')")


def make_engine(
    url: str,
    *,
    application_name: str,
    pool_size: int = 5,
    role: str | None = None,
    connect_timeout_s: int = 10,
    statement_timeout_s: int = 60,
    idle_in_transaction_timeout_s: int = 60,
) -> Engine:
    """A pool of `pool_size` connections (twice as many for a moment), READ COMMITTED, in UTC, acting as `role`.

    Without a role it acts as the user of `url`, which owns the schema.
    """
    session = {
        "timezone": "UTC",
        "statement_timeout": f"{statement_timeout_s}s",
        "idle_in_transaction_session_timeout": f"{idle_in_transaction_timeout_s}s",
    }
    if role is not None:
        session["role"] = role  # set at the session's start, so RESET ROLE and DISCARD ALL lead back to it
    return create_engine(
        make_url(url).set(drivername=DRIVER),
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # names and accounts stay out of logs when a statement fails
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": connect_timeout_s,
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
        },
    )


def app_role(url: str) -> str | None:
    """The role the desk's processes act in, or None on a server that did not let the migration make it."""
    owner = make_engine(url, application_name="paydesk role", pool_size=1)
    try:
        with owner.connect() as conn:
            return APP_ROLE if conn.execute(MAY_TAKE_ROLE, {"role": APP_ROLE}).scalar() else None
    finally:
        owner.dispose()
