"""Ways of proving that the database refuses a wrong row by the name of its rule, and of keeping count of the proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

Test = TypeVar("Test", bound=Callable[..., object])

# Filled as the law's tests are imported: `table.constraint`, `table.unique_index`, `table.trigger`, or a trigger's rule.
PROVEN: set[str] = set()


def proves(*laws: str) -> Callable[[Test], Test]:
    """Say which laws a test proves."""
    PROVEN.update(laws)

    def unchanged(test: Test) -> Test:
        return test

    return unchanged


def bad_rows(table: str, *rows: tuple[str, Mapping[str, object]]) -> pytest.MarkDecorator:
    """Run a test once per rule of a table and the values that break it, and count the rule as proven."""
    PROVEN.update(f"{table}.{rule}" for rule, _ in rows)
    ids = [f"{rule}-{','.join(different)}" for rule, different in rows]
    return pytest.mark.parametrize(("rule", "different"), rows, ids=ids)


@contextmanager
def refused(conn: Connection, rule: str) -> Iterator[None]:
    """Expect what is done inside to be refused by this rule, at the latest at commit, with every table as it was."""
    before = state(conn)
    with pytest.raises(DBAPIError) as caught, conn.begin_nested():  # noqa: PT012 - the savepoint is what fails
        yield
        conn.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    assert broken_rule(caught.value) == rule, caught.value
    assert state(conn) == before


def broken_rule(error: DBAPIError) -> str | None:
    """The name of the constraint that refused."""
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.constraint_name


def commits(conn: Connection) -> None:
    """Ask the rules that speak at commit now."""
    conn.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    conn.execute(text("SET CONSTRAINTS ALL DEFERRED"))


TABLES = text("""
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND has_table_privilege(oid, 'SELECT') ORDER BY relname
""")


def state(conn: Connection) -> dict[str, str]:
    """A digest of the rows of every table that this role may read."""
    tables = conn.execute(TABLES).scalars().all()
    one = "SELECT '{0}' AS name, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS digest FROM {0} t"
    rows = conn.execute(text(" UNION ALL ".join(one.format(table) for table in tables)))
    return {row.name: row.digest for row in rows}
