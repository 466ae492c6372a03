"""Many rows into a temporary table by COPY, on the raw connection of the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text


@contextmanager
def copied(
    conn: Connection, table: str, definition: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> Iterator[None]:
    """Hold `rows` in the temporary table `table` (SQL `definition` of its columns) while the block runs.

    `columns` names what each row gives; the table's other columns take their defaults.
    """
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    name = sql.Identifier(table)
    create = sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP")
    raw.execute(create.format(name, sql.SQL(definition)))
    copy_into(conn, table, columns, rows)
    raw.execute(sql.SQL("ANALYZE {}").format(name))
    yield
    raw.execute(sql.SQL("DROP TABLE {}").format(name))


def copy_into(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Add rows to a table by COPY; an identity column takes the ids it is given (see new_ids)."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


NEW_IDS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :n)")


def new_ids(conn: Connection, table: str, n: int) -> list[int]:
    """Return `n` fresh ids of a table, ascending, for rows that COPY will add."""
    return list(conn.execute(NEW_IDS, {"table": table, "n": n}).scalars())
