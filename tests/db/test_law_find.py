"""What a person was called before is remembered until it is blanked, and by nobody but the database itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.rows import NOW, change, insert
from tests.db.law import bad_rows, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.identity(owner, "Ana Silva", "ana@example.com")


def remembered(conn: Connection) -> list[tuple[str, str]]:
    return [
        (row.kind, row.value)
        for row in conn.execute(text("SELECT kind, value FROM former_name ORDER BY 1, 2"))
    ]


@bad_rows(
    "former_name",
    ("declared_former_name", {"kind": "address"}),
    ("former_name_says_something", {"value": " "}),
)
def test_a_former_name_is_a_name_or_an_email(
    owner: Connection, ana: int, rule: str, different: Mapping[str, object]
) -> None:
    with refused(owner, rule):
        insert(owner, "former_name", {"identity_id": ana, "kind": "name", "value": "Ana"} | dict(different))


@proves("former_name.former_name_once", "identity.identity_is_remembered")
def test_each_former_name_is_remembered_once_and_forgotten_when_blanked(owner: Connection, ana: int) -> None:
    for email in ("ana@new.example", "ana@example.com", "ana@new.example"):
        change(owner, "identity", {"email": email}, "id = :id", id=ana)
    change(owner, "identity", {"name": "Ana Costa"}, "id = :id", id=ana)
    assert remembered(owner) == [
        ("email", "ana@example.com"),
        ("email", "ana@new.example"),
        ("name", "Ana Silva"),
    ]
    with refused(owner, "former_name_once"):
        insert(owner, "former_name", {"identity_id": ana, "kind": "name", "value": "Ana Silva"})

    change(owner, "identity", {"name": None, "email": None, "blanked_at": NOW}, "id = :id", id=ana)
    assert remembered(owner) == []


def test_the_app_writes_no_former_name_by_itself(owner: Connection, ana: int) -> None:
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    change(owner, "identity", {"email": "ana@new.example"}, "id = :id", id=ana)
    assert remembered(owner) == [("email", "ana@example.com")]
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text("DELETE FROM former_name"))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
