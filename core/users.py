"""The people of the desk: who they are, what they may do, and whether a session of theirs still counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from core import audit
from core.access import Actor, UnknownUser
from core.passwords import ROUNDS, hash_password
from core.refusals import Refusal

ROLES = ("viewer", "operator", "maker", "approver", "admin")
NAME_LENGTH = 63
NAME_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
NAME_REST = NAME_FIRST | frozenset("._-")


class UserExists(Refusal):
    """There is already a user called {name}."""

    code = "user_exists"


class BadUserName(Refusal):
    """A user name has 1 to 63 of a-z, 0-9, dot, dash and underscore, and begins with a letter or digit."""

    code = "bad_user_name"


class UnknownRole(Refusal):
    """There is no role called {role}: one or more of {roles}."""

    code = "unknown_role"


class RolesChanged(Refusal):
    """The roles of {name} have changed since you looked; look again before you give others."""

    code = "changed_since"


class OwnRoles(Refusal):
    """Nobody changes their own roles: another person who manages people does."""

    code = "own_roles"


@dataclass(frozen=True, kw_only=True)
class User:
    """A person who may sign in. `epoch` rises with everything that ends open sessions."""

    id: int
    name: str
    full_name: str
    roles: tuple[str, ...]
    active: bool
    epoch: int
    valid_after: datetime
    locked_until: datetime | None
    last_seen_at: datetime | None
    created_at: datetime


ADD_IDENTITY = text("INSERT INTO identity (name) VALUES (:full_name) RETURNING id")
ADD_USER = text("""
    INSERT INTO app_user (name, identity_id, password_hash, roles, sessions_valid_after, created_at,
                          created_by)
    VALUES (:name, :identity_id, :password_hash, :roles, :now, :now, :actor)
    ON CONFLICT ON CONSTRAINT user_name_once DO NOTHING
    RETURNING id
""")


def add_user(
    conn: Connection,
    name: str,
    password: str,
    roles: Iterable[str],
    *,
    actor: Actor,
    now: datetime,
    full_name: str | None = None,
    rounds: int = ROUNDS,
) -> User:
    """Add a person who may sign in.

    Refuses NotAllowed, BadUserName, UnknownRole, WeakPassword, UserExists.
    """
    actor.must("manage people")
    if not 1 <= len(name) <= NAME_LENGTH or name[0] not in NAME_FIRST or not NAME_REST.issuperset(name):
        raise BadUserName
    wanted = _declared(roles)
    password_hash = hash_password(password, rounds=rounds)
    identity_id = conn.execute(ADD_IDENTITY, {"full_name": full_name}).scalar_one() if full_name else None
    figures = {"name": name, "identity_id": identity_id, "password_hash": password_hash, "roles": wanted}
    user_id = conn.execute(ADD_USER, figures | {"now": now, "actor": actor.name}).scalar_one_or_none()
    if user_id is None:
        raise UserExists(name=name)
    details = {"name": name, "roles": wanted}
    audit.record(conn, "user.added", subject="user", ids=[user_id], actor=actor, now=now, details=details)
    return read_user(conn, name)


ROLES_NOW = text("SELECT roles FROM app_user WHERE name = :name FOR UPDATE")
SET_ROLES = text("""
    UPDATE app_user SET roles = :roles, session_epoch = session_epoch + 1, sessions_valid_after = :now
     WHERE name = :name RETURNING id
""")


def set_roles(
    conn: Connection,
    name: str,
    roles: Iterable[str],
    *,
    actor: Actor,
    now: datetime,
    seen: Collection[str] | None = None,
) -> User:
    """Give a person these roles only and end their sessions; `seen` are those a screen showed, None when there was none.

    Refuses NotAllowed, OwnRoles, UnknownRole, UnknownUser, RolesChanged.
    """
    actor.must("manage people")
    if actor.name == f"user:{name}":
        raise OwnRoles
    wanted = _declared(roles)
    held = conn.execute(ROLES_NOW, {"name": name}).scalar_one_or_none()
    if seen is not None and held is not None and set(held) != set(seen):
        raise RolesChanged(name=name)
    return _change(
        conn,
        name,
        SET_ROLES,
        {"roles": wanted},
        action="user.roles_set",
        actor=actor,
        now=now,
        details={"roles": wanted},
    )


DISABLE = text("""
    UPDATE app_user SET active = false, session_epoch = session_epoch + 1, sessions_valid_after = :now
     WHERE name = :name RETURNING id
""")


def disable_user(conn: Connection, name: str, *, actor: Actor, now: datetime) -> User:
    """Let a person in no more, from now on and in every open session, refusing NotAllowed, UnknownUser."""
    actor.must("manage people")
    return _change(conn, name, DISABLE, {}, action="user.disabled", actor=actor, now=now, details={})


ENABLE = text(
    "UPDATE app_user SET active = true, failed_attempts = 0, locked_until = NULL WHERE name = :name RETURNING id"
)


def enable_user(conn: Connection, name: str, *, actor: Actor, now: datetime) -> User:
    """Let a person in again, with the password and roles they had; refuses NotAllowed, UnknownUser."""
    actor.must("manage people")
    return _change(conn, name, ENABLE, {}, action="user.enabled", actor=actor, now=now, details={})


SET_PASSWORD = text("""
    UPDATE app_user
       SET password_hash = :password_hash, session_epoch = session_epoch + 1, sessions_valid_after = :now,
           failed_attempts = 0, locked_until = NULL
     WHERE name = :name RETURNING id
""")


def set_password(
    conn: Connection, name: str, password: str, *, actor: Actor, now: datetime, rounds: int = ROUNDS
) -> User:
    """Set a password, one's own or as who manages people; ends the sessions and any lock.

    Refuses NotAllowed, WeakPassword, UnknownUser.
    """
    if actor.name != f"user:{name}":
        actor.must("manage people")
    figures = {"password_hash": hash_password(password, rounds=rounds)}
    return _change(
        conn, name, SET_PASSWORD, figures, action="user.password_set", actor=actor, now=now, details={}
    )


END_SESSIONS = text("""
    UPDATE app_user SET session_epoch = session_epoch + 1, sessions_valid_after = :now
     WHERE name = :name RETURNING id
""")


def end_sessions(conn: Connection, name: str, *, actor: Actor, now: datetime) -> User:
    """Sign a person out of every open page and cookie; refuses NotAllowed, UnknownUser."""
    if actor.name != f"user:{name}":
        actor.must("manage people")
    return _change(conn, name, END_SESSIONS, {}, action="user.signed_out", actor=actor, now=now, details={})


READ_USERS = """
    SELECT u.id, u.name, coalesce(i.name, '') AS full_name, u.roles, u.active, u.session_epoch AS epoch,
           u.sessions_valid_after AS valid_after, u.locked_until, u.last_seen_at, u.created_at,
           u.password_hash
      FROM app_user u LEFT JOIN identity i ON i.id = u.identity_id
"""
READ_USER = text(READ_USERS + " WHERE u.name = :name")
LIST_USERS = text(READ_USERS + " ORDER BY u.name")


def read_user(conn: Connection, name: str) -> User:
    """Read one person as they are now, active or not, refusing UnknownUser."""
    row = conn.execute(READ_USER, {"name": name}).one_or_none()
    if row is None:
        raise UnknownUser(name=name)
    return _user(row)


def list_users(conn: Connection) -> list[User]:
    """Return everybody who was ever let in, by name."""
    return [_user(row) for row in conn.execute(LIST_USERS)]


def credentials(conn: Connection) -> dict[str, dict[str, dict[str, object]]]:
    """Return the active people in the shape streamlit-authenticator reads, with hashes of passwords."""
    people: dict[str, dict[str, object]] = {
        row.name: {
            "password": row.password_hash,
            "email": "",
            "first_name": row.full_name or row.name,
            "last_name": "",
            "roles": list(row.roles),
            "logged_in": False,
            "failed_login_attempts": 0,
        }
        for row in conn.execute(LIST_USERS)
        if row.active
    }
    return {"usernames": people}


def _change(
    conn: Connection,
    name: str,
    statement: TextClause,
    figures: Mapping[str, object],
    *,
    action: str,
    actor: Actor,
    now: datetime,
    details: Mapping[str, object],
) -> User:
    user_id = conn.execute(statement, {**figures, "name": name, "now": now}).scalar_one_or_none()
    if user_id is None:
        raise UnknownUser(name=name)
    named = {"name": name, **details}
    audit.record(conn, action, subject="user", ids=[user_id], actor=actor, now=now, details=named)
    return read_user(conn, name)


def _declared(roles: Iterable[str]) -> list[str]:
    wanted = sorted(set(roles), key=lambda role: ROLES.index(role) if role in ROLES else -1)
    if not wanted or wanted[0] not in ROLES:
        raise UnknownRole(role=wanted[0] if wanted else "", roles=", ".join(ROLES))
    return wanted


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        full_name=row.full_name,
        roles=tuple(row.roles),
        active=row.active,
        epoch=row.epoch,
        valid_after=row.valid_after,
        locked_until=row.locked_until,
        last_seen_at=row.last_seen_at,
        created_at=row.created_at,
    )
