"""The one way to open the database."""

from sqlalchemy import Connection, Engine, create_engine, make_url

__all__ = ["Connection", "Engine", "make_engine"]  # pages name the two without reaching for SQL

DRIVER = "postgresql+psycopg"


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
    """A pool of up to `pool_size` connections (and as many again for a moment) in READ COMMITTED and UTC, acting as `role` when one is given."""
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
