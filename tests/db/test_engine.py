"""The one way to open the database."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError


def test_a_statement_that_fails_tells_nobody_what_it_was_given(engine: Engine) -> None:
    """Faults are written to the log and to the job's run, where personal data never stands."""
    with engine.connect() as conn, pytest.raises(DBAPIError) as caught:
        conn.execute(text("SELECT CAST(:email AS text), 1 / 0"), {"email": "ana@example.com"})
    assert "division by zero" in str(caught.value)
    assert "ana@example.com" not in str(caught.value)
