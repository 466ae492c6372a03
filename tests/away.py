"""A database that stops answering and answers again, while its server goes on for all other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import make_url

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def away(server_url: str, database_url: str) -> Iterator[Callable[[], None]]:
    """Turn away whoever connects to this database, and end who is connected; it is back once what is given is called, or
    at the end.
    """
    name = str(make_url(database_url).database)

    def answers(*, whether: bool) -> None:
        with psycopg.connect(server_url, autocommit=True) as connection:
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(allow.format(sql.Identifier(name), sql.Literal(whether)))
            if not whether:
                connection.execute(END_ALL, [name])

    answers(whether=False)
    try:
        yield lambda: answers(whether=True)
    finally:
        answers(whether=True)
