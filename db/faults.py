"""Faults of the surroundings, told apart from faults of the desk."""

from psycopg import errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

# No connection, too many of them, a server that stops or starts (PostgreSQL's classes 08, 53 and 57P).
AWAY = ("08", "53", "57P")


def is_away(fault: BaseException) -> bool:
    """Tell whether the database did not answer: it may be tried again as it is."""
    if isinstance(fault, PoolExhausted):
        return True
    if not isinstance(fault, (InterfaceError, OperationalError)):
        return False
    state: str | None = getattr(fault.orig, "sqlstate", None)
    return state is None or state.startswith(AWAY)


def is_not_migrated(fault: BaseException) -> bool:
    """Tell whether the database is empty or of an older version."""
    return isinstance(fault, DBAPIError) and isinstance(
        fault.orig, (errors.UndefinedTable, errors.UndefinedColumn)
    )
