"""People: who may be added, what ends their sessions, and what wrong passwords do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from core.access import Actor, NotAllowed, UnknownUser, load_actor
from core.passwords import WeakPassword, fits, hash_password
from core.sign_in import (
    last_click,
    password_fits,
    record_failed_sign_in,
    record_seen,
    record_sign_in,
    session_state,
)
from core.users import (
    BadUserName,
    UnknownRole,
    User,
    UserExists,
    add_user,
    credentials,
    disable_user,
    end_sessions,
    list_users,
    set_password,
    set_roles,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOST = Actor(name="os:root", channel="cli")
SECRET = "correct horse battery staple"
FAST = 4  # bcrypt rounds


def add(conn: Connection, name: str = "ada", roles: tuple[str, ...] = ("approver",)) -> User:
    return add_user(conn, name, SECRET, roles, actor=HOST, now=NOW, full_name="Ada Lovelace", rounds=FAST)


def audited(conn: Connection) -> list[str]:
    return list(conn.execute(text("SELECT action FROM audit ORDER BY seq")).scalars())


def test_an_added_person_acts_with_their_roles_and_the_trail_says_who_added_them(conn: Connection):
    user = add(conn, roles=("approver", "maker"))
    assert (user.name, user.roles, user.active, user.full_name) == (
        "ada",
        ("maker", "approver"),
        True,
        "Ada Lovelace",
    )
    assert load_actor(conn, "ada", channel="cli").roles == {"maker", "approver"}
    assert audited(conn) == ["user.added"]
    assert conn.execute(text("SELECT actor, details->>'name' AS name FROM audit")).one() == ("os:root", "ada")


def test_a_name_is_given_once(conn: Connection):
    add(conn)
    with pytest.raises(UserExists):
        add(conn)
    assert [user.name for user in list_users(conn)] == ["ada"]


@pytest.mark.parametrize("name", ["", "Ada", "a b", ".ada", "ädä", "a" * 64, "ada\n"])
def test_a_name_is_plain(conn: Connection, name: str):
    with pytest.raises(BadUserName):
        add(conn, name)


@pytest.mark.parametrize("roles", [(), ("boss",), ("maker", "boss")])
def test_a_role_is_a_declared_one(conn: Connection, roles: tuple[str, ...]):
    with pytest.raises(UnknownRole):
        add(conn, roles=roles)


@pytest.mark.parametrize("password", ["elevenbytes", "x" * 73, "ä" * 37])
def test_a_password_outside_12_to_72_bytes_is_refused(password: str):
    with pytest.raises(WeakPassword):
        hash_password(password, rounds=FAST)


@pytest.mark.parametrize(
    "password", ["twelve bytes", "x" * 72, "ä" * 36, "            ", "nul\0in the middle"]
)
def test_a_password_of_any_characters_fits_itself_and_nothing_else(password: str):
    kept = hash_password(password, rounds=FAST)
    assert fits(password, kept)
    assert not fits(password + "x", kept)
    assert not fits(password[:-1], kept)


def test_nobody_has_no_password():
    assert not fits(SECRET, None)
    assert not fits("\0nobody", None)


def test_who_does_not_manage_people_changes_nobody(conn: Connection):
    add(conn)
    ada = load_actor(conn, "ada", channel="page")
    with pytest.raises(NotAllowed):
        add_user(conn, "eve", SECRET, ["admin"], actor=ada, now=NOW, rounds=FAST)
    with pytest.raises(NotAllowed):
        set_roles(conn, "ada", ["admin"], actor=ada, now=NOW)
    assert [(user.name, user.roles) for user in list_users(conn)] == [("ada", ("approver",))]


def test_a_new_role_a_new_password_signing_out_and_disabling_each_end_the_open_sessions(conn: Connection):
    add(conn)
    for step, change in enumerate(
        (
            lambda at: set_roles(conn, "ada", ["viewer"], actor=HOST, now=at),
            lambda at: set_password(conn, "ada", SECRET + "!", actor=HOST, now=at, rounds=FAST),
            lambda at: end_sessions(conn, "ada", actor=load_actor(conn, "ada", channel="page"), now=at),
            lambda at: disable_user(conn, "ada", actor=HOST, now=at),
        ),
        start=1,
    ):
        at = NOW + timedelta(hours=step)
        user = change(at)
        assert (user.epoch, user.valid_after) == (step, at)
    assert audited(conn) == [
        "user.added",
        "user.roles_set",
        "user.password_set",
        "user.signed_out",
        "user.disabled",
    ]


def test_a_disabled_person_neither_signs_in_nor_acts(conn: Connection):
    add(conn)
    assert password_fits(conn, "ada", SECRET, now=NOW)
    disable_user(conn, "ada", actor=HOST, now=NOW)
    assert not password_fits(conn, "ada", SECRET, now=NOW)
    assert credentials(conn) == {"usernames": {}}
    with pytest.raises(UnknownUser):
        load_actor(conn, "ada", channel="page")


def test_nobody_by_that_name_is_refused_by_name(conn: Connection):
    with pytest.raises(UnknownUser, match="eve"):
        disable_user(conn, "eve", actor=HOST, now=NOW)
    assert session_state(conn, "eve") is None
    assert record_failed_sign_in(conn, "eve", now=NOW) is None


def test_five_wrong_passwords_lock_for_a_minute_and_each_further_one_twice_as_long_up_to_an_hour(
    conn: Connection,
):
    add(conn)
    assert [record_failed_sign_in(conn, "ada", now=NOW) for _ in range(4)] == [None] * 4
    at, minutes = NOW, []
    for _ in range(8):
        until = record_failed_sign_in(conn, "ada", now=at)
        assert until is not None
        minutes.append((until - at) / timedelta(minutes=1))
        assert not password_fits(conn, "ada", SECRET, now=until - timedelta(seconds=1))
        assert password_fits(conn, "ada", SECRET, now=until)
        at = until
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]


def test_knocking_while_locked_does_not_lengthen_the_lock(conn: Connection):
    add(conn)
    until = [record_failed_sign_in(conn, "ada", now=NOW) for _ in range(5)][-1]
    assert [record_failed_sign_in(conn, "ada", now=NOW) for _ in range(10)] == [until] * 10


def test_a_right_password_and_a_quiet_day_each_forget_the_wrong_ones(conn: Connection):
    add(conn)
    for _ in range(4):
        record_failed_sign_in(conn, "ada", now=NOW)
    record_sign_in(conn, "ada", now=NOW)
    assert [record_failed_sign_in(conn, "ada", now=NOW) for _ in range(4)] == [None] * 4
    assert record_failed_sign_in(conn, "ada", now=NOW) == NOW + timedelta(minutes=1)
    next_day = NOW + timedelta(days=1, minutes=2)
    assert record_failed_sign_in(conn, "ada", now=next_day) is None


def seen(conn: Connection, name: str = "ada") -> datetime | None:
    (found,) = [user.last_seen_at for user in list_users(conn) if user.name == name]
    return found


def test_a_click_is_noted_in_its_own_browser_and_an_older_one_turns_no_clock_back(conn: Connection):
    add(conn)
    here, there = NOW + timedelta(hours=11), NOW + timedelta(hours=12)
    later = NOW + timedelta(minutes=30)
    record_seen(conn, "ada", now=NOW, good_until=here)
    record_seen(conn, "ada", now=later, good_until=there)
    record_seen(conn, "ada", now=NOW, good_until=there)
    assert last_click(conn, "ada", good_until=here) == NOW
    assert last_click(conn, "ada", good_until=there) == later
    assert seen(conn) == later


def test_a_cookie_of_nobody_has_no_click_and_who_is_closed_leaves_none(conn: Connection):
    add(conn)
    add(conn, "bob")
    until = NOW + timedelta(hours=12)
    record_seen(conn, "ada", now=NOW, good_until=until)
    assert last_click(conn, "bob", good_until=until) is None
    assert last_click(conn, "eve", good_until=until) is None
    disable_user(conn, "bob", actor=HOST, now=NOW)
    record_seen(conn, "bob", now=NOW, good_until=until)
    assert last_click(conn, "bob", good_until=until) is None


def test_signing_in_forgets_the_browsers_whose_cookie_is_over(conn: Connection):
    add(conn)
    over, good = NOW - timedelta(minutes=1), NOW + timedelta(hours=1)
    for until in (over, good):
        record_seen(conn, "ada", now=NOW - timedelta(hours=1), good_until=until)
    record_sign_in(conn, "ada", now=NOW)
    assert last_click(conn, "ada", good_until=over) is None
    assert last_click(conn, "ada", good_until=good) == NOW - timedelta(hours=1)
