"""Signing in: the password, the lock after wrong ones, and whether a session still counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor, Channel
from core.passwords import fits
from core.refusals import Refusal

WRONG_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
FORGET_AFTER = timedelta(days=1)  # after the last lock's end


class SignInRefused(Refusal):
    """That name and password do not go together, or there were too many wrong ones: try again in a while."""

    code = "sign_in_refused"


@dataclass(frozen=True, kw_only=True)
class SessionUser:
    """What decides whether a session counts: the `epoch` it began with, and a cookie newer than `valid_after`."""

    name: str
    full_name: str
    active: bool
    roles: frozenset[str]
    epoch: int
    valid_after: datetime
    locked_until: datetime | None


READ_SESSION = text("""
    SELECT u.name, coalesce(i.name, '') AS full_name, u.active, u.roles, u.session_epoch,
           u.sessions_valid_after, u.locked_until
      FROM app_user u LEFT JOIN identity i ON i.id = u.identity_id WHERE u.name = :name
""")


def session_state(conn: Connection, name: str) -> SessionUser | None:
    """Read what a session of this person depends on; None when there is nobody of that name."""
    row = conn.execute(READ_SESSION, {"name": name}).one_or_none()
    if row is None:
        return None
    return SessionUser(
        name=row.name,
        full_name=row.full_name,
        active=row.active,
        roles=frozenset(row.roles),
        epoch=row.session_epoch,
        valid_after=row.sessions_valid_after,
        locked_until=row.locked_until,
    )


SEEN = text("""
    UPDATE app_user SET last_seen_at = :now WHERE name = :name AND active AND (last_seen_at IS NULL OR last_seen_at < :now)
""")


# Two tabs of a browser share its cookie: whichever is older never turns the clock back.
SEEN_THERE = text("""
    INSERT INTO browser_session (user_id, good_until, last_seen_at)
    SELECT id, :good_until, :now FROM app_user WHERE name = :name AND active
        ON CONFLICT (user_id, good_until) DO UPDATE SET last_seen_at = greatest(browser_session.last_seen_at, :now)
""")


def record_seen(conn: Connection, name: str, *, now: datetime, good_until: datetime | None = None) -> None:
    """Note that a person is at work, in the browser whose cookie is `good_until` then where it has one."""
    conn.execute(SEEN, {"name": name, "now": now})
    if good_until is not None:
        conn.execute(SEEN_THERE, {"name": name, "now": now, "good_until": good_until})


LAST_CLICK = text("""
    SELECT s.last_seen_at FROM browser_session s JOIN app_user u ON u.id = s.user_id
     WHERE u.name = :name AND s.good_until = :good_until
""")


def last_click(conn: Connection, name: str, *, good_until: datetime) -> datetime | None:
    """Return when a person last clicked in the browser whose cookie is `good_until` then; None: it is nobody's."""
    found: datetime | None = conn.execute(
        LAST_CLICK, {"name": name, "good_until": good_until}
    ).scalar_one_or_none()
    return found


READ_HASH = text("""
    SELECT password_hash FROM app_user
     WHERE name = :name AND active AND (locked_until IS NULL OR locked_until <= :now)
""")


def password_fits(conn: Connection, name: str, password: str, *, now: datetime) -> bool:
    """Compare a password; unknown, disabled and locked people never fit and take as long as a wrong one."""
    return fits(password, conn.execute(READ_HASH, {"name": name, "now": now}).scalar_one_or_none())


SIGNED_IN = text("""
    UPDATE app_user SET failed_attempts = 0, locked_until = NULL, last_seen_at = :now
     WHERE name = :name AND active RETURNING id
""")


FORGET_OVER = text("DELETE FROM browser_session WHERE user_id = :user_id AND good_until < :now")


def record_sign_in(conn: Connection, name: str, *, now: datetime, channel: Channel = "page") -> None:
    """Note a right password, which forgets the wrong ones; refuses SignInRefused for nobody active."""
    user_id = conn.execute(SIGNED_IN, {"name": name, "now": now}).scalar_one_or_none()
    if user_id is None:
        raise SignInRefused
    conn.execute(FORGET_OVER, {"user_id": user_id, "now": now})
    actor = Actor(name=f"user:{name}", channel=channel)
    audit.record(conn, "user.signed_in", subject="user", ids=[user_id], actor=actor, now=now)


# While locked nothing is counted, so a lock cannot be kept up by knocking.
COUNT_WRONG = text("""
    UPDATE app_user
       SET failed_attempts = CASE WHEN locked_until < :forget_before THEN 1 ELSE failed_attempts + 1 END
     WHERE name = :name AND active AND (locked_until IS NULL OR locked_until <= :now)
    RETURNING id, failed_attempts
""")
LOCK = text("UPDATE app_user SET locked_until = :until WHERE id = :id")


def record_failed_sign_in(conn: Connection, name: str, *, now: datetime) -> datetime | None:
    """Count a wrong password and return until when the person is locked, None when not (or nobody).

    Five lock for a minute, each further one twice as long, at most an hour.
    """
    row = conn.execute(
        COUNT_WRONG, {"name": name, "now": now, "forget_before": now - FORGET_AFTER}
    ).one_or_none()
    if row is None:
        state = session_state(conn, name)
        return state.locked_until if state else None
    over: int = row.failed_attempts - WRONG_BEFORE_LOCK
    if over < 0:
        return None
    until: datetime = now + min(FIRST_LOCK * 2 ** min(over, 10), LONGEST_LOCK)
    conn.execute(LOCK, {"id": row.id, "until": until})
    actor = Actor(name=f"user:{name}", channel="page")
    details = {"name": name, "wrong": row.failed_attempts, "until": until.isoformat()}
    audit.record(conn, "user.locked", subject="user", ids=[row.id], actor=actor, now=now, details=details)
    return until
