"""One row at a time, as it is given; what the law says about it is the test's business."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Connection, text

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)

number = count(1)


def insert(conn: Connection, table: str, values: Mapping[str, object]) -> None:
    """Write one row as it is given; what the law says about it is the test's business."""
    columns = ", ".join(values)
    conn.execute(text(f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)})"), dict(values))  # noqa: S608 - names are the test's own


def insert_returning_id(conn: Connection, table: str, values: Mapping[str, object]) -> int:
    """Write one row and return its id."""
    columns = ", ".join(values)
    sql = f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)}) RETURNING id"  # noqa: S608 - names are the test's own
    return int(conn.execute(text(sql), dict(values)).scalar_one())


def change(conn: Connection, table: str, values: Mapping[str, object], where: str, **bound: object) -> None:
    """Set columns of the rows that fit."""
    assigned = ", ".join(f"{column} = :{column}" for column in values)
    conn.execute(text(f"UPDATE {table} SET {assigned} WHERE {where}"), {**values, **bound})  # noqa: S608 - names are the test's own
