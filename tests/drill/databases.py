"""Databases of the drill: one migrated template, a copy of it as a scenario prepared it, and a copy of that per run.

Under pytest they live on the server of the run; by `python -m tests.drill` on one of the drill's own.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import Engine, make_url

from db.engine import app_role, make_engine
from tests import conftest


@cache
def server_url() -> str:
    """Return the libpq URL of the drill's server, by a database that is nobody's."""
    if conftest.RUN_FOLDER not in os.environ:
        conftest.begin_run()
        atexit.register(conftest.end_run)
    return conftest._server_url(Path(os.environ[conftest.RUN_FOLDER]))


def name_of(url: str) -> str:
    """Return the name of the database that a URL names."""
    name = make_url(url).database
    assert name is not None
    return name


@contextmanager
def database(template: str | None = None) -> Iterator[str]:
    """Give the URL, as the schema's owner, of a copy of `template`, a URL or None for a desk just migrated.

    Nobody may be connected to what is copied.
    """
    source = conftest.migrated_template(server_url()) if template is None else name_of(template)
    copy = conftest._new_name()
    conftest._run(server_url(), "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", copy, source)
    try:
        yield conftest._url_of(server_url(), copy)
    finally:
        conftest._drop(server_url(), copy)


@contextmanager
def engine_of(url: str, *, pool_size: int = 5, name: str = "paydesk drill") -> Iterator[Engine]:
    """Give a pool in the role of the desk's processes."""
    engine = make_engine(url, application_name=name, role=role_of(url), pool_size=pool_size)
    try:
        yield engine
    finally:
        engine.dispose()


@cache
def role_of(url: str) -> str | None:
    """Return the role that the desk's processes act in."""
    return app_role(url)


COLUMNS = """
    SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
     GROUP BY 1 ORDER BY 1
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
SAVE = "CREATE TABLE saved.{table} AS SELECT {columns} FROM public.{table}"
PUT_BACK = """
    DELETE FROM public.{table};
    INSERT INTO public.{table} ({columns}) OVERRIDING SYSTEM VALUE SELECT * FROM saved.{table}
"""


class Saved:
    """The rows of a database as they are now, to be put back as often as wanted: a copy would take ten times as long.

    Nobody may be in a transaction while they are put back.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # No trigger, no foreign key: these rows held before.
        steps = ["SET session_replication_role = replica"]
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE SCHEMA saved")
            for table, columns in conn.execute(COLUMNS).fetchall():
                conn.execute(SAVE.format(table=table, columns=columns))
                steps.append(PUT_BACK.format(table=table, columns=columns))
            for name, last in conn.execute(SEQUENCES).fetchall():
                called = "true" if last is not None else "false"
                steps.append(f"SELECT setval('public.{name}', {last or 1}, {called})")
        self._steps = "; ".join(steps)

    def put_back(self) -> None:
        """Make the database what it was, in one transaction."""
        with psycopg.connect(self._url) as conn:
            conn.execute(self._steps)


SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
)


def sessions_gone(url: str, name: str) -> None:
    """Come back when the server has noticed that a process is dead, and undone what it held."""
    looking = threading.Event()
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute(SESSIONS, [name]).fetchone() != (0,):
            looking.wait(0.002)


CUT_OFF = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = %s
"""
CUT_LOCK = """
    SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE a.datname = current_database() AND a.application_name = %s AND l.locktype = 'advisory' AND l.objsubid = 2
"""
LOCK_HELD = """
    SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE a.datname = current_database() AND a.application_name = %s AND l.locktype = 'advisory' AND l.objsubid = 2
"""


def cut_off(url: str, name: str) -> None:
    """End all sessions of a process, as a network does that fails it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(CUT_OFF, [name])
    sessions_gone(url, name)


def take_lock_from(url: str, name: str) -> None:
    """End the session alone that holds a job's lock for a process."""
    looking = threading.Event()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(CUT_LOCK, [name])
        while conn.execute(LOCK_HELD, [name]).fetchone() != (0,):
            looking.wait(0.002)


TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
)
DIGEST = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM public.{table} t"


def contents(url: str, *, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """Return a digest of every table's rows, by its name."""
    with psycopg.connect(url, autocommit=True) as conn:
        tables = [row[0] for row in conn.execute(TABLES).fetchall() if row[0] not in without]
        return {table: conn.execute(DIGEST.format(table=table)).fetchone() for table in tables}
