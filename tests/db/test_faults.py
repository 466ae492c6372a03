"""What of a fault is the surroundings': the database that does not answer, and the one that is not up to date."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from db.engine import DRIVER, make_engine
from db.faults import is_away, is_not_migrated
from tests.away import away


def fault_of(engine: Engine, statement: str = "SELECT 1") -> Exception:
    with pytest.raises(SQLAlchemyError) as caught, engine.connect() as conn:
        conn.execute(text(statement))
    return caught.value


def test_a_database_that_turns_everybody_away_is_away_and_is_not_once_it_is_back(
    server_url: str, database: str, engine: Engine
) -> None:
    with away(server_url, database) as comes_back:
        assert is_away(fault_of(engine))
        comes_back()
        with engine.connect() as conn:
            assert conn.execute(text("SELECT 1")).scalar() == 1


def test_a_server_that_is_not_there_is_away() -> None:
    assert is_away(fault_of(make_engine("postgresql://nobody@127.0.0.1:1/none", application_name="test")))


def test_a_connection_that_is_ended_while_it_is_used_is_away(engine: Engine, database: str) -> None:
    with engine.connect() as conn:
        mine = conn.execute(text("SELECT pg_backend_pid()")).scalar()
        with psycopg.connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [mine])
        with pytest.raises(SQLAlchemyError) as caught:
            conn.execute(text("SELECT 1"))
    assert is_away(caught.value)


def test_a_pool_without_a_free_connection_is_away(database: str) -> None:
    tiny = create_engine(
        make_url(database).set(drivername=DRIVER), pool_size=1, max_overflow=0, pool_timeout=0
    )
    with tiny.connect(), pytest.raises(PoolExhausted) as caught:
        tiny.connect()
    tiny.dispose()
    assert is_away(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 / 0",
        "SELECT 1 FROM nowhere",
        "SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(1)",
        "INSERT INTO payout DEFAULT VALUES",
    ],
)
def test_a_statement_that_is_refused_is_no_absence(engine: Engine, statement: str) -> None:
    fault = fault_of(engine, statement)
    assert not is_away(fault)
    assert is_not_migrated(fault) == ("nowhere" in statement)


def test_other_faults_are_neither() -> None:
    assert not is_away(ValueError("no"))
    assert not is_not_migrated(ValueError("no"))
