"""Who may sign in, and as what."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import RIGHTS, Actor
from core.users import (
    ROLES,
    User,
    add_user,
    disable_user,
    enable_user,
    end_sessions,
    list_users,
    set_password,
    set_roles,
)
from db.engine import Connection
from pages.shared import address, elements, frame, in_dialog, tables
from pages.shared import format as fmt
from pages.shared.cells import linked_to
from pages.shared.decisions import Outcome, Work, decide, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.status import badge, tag

CHOSEN, FIRST, ONE = "people-chosen", "people-first-password", "people-one"
NAME, FULL_NAME, ROLES_KEY, PASSWORD = "people-name", "people-full-name", "people-roles", "people-password"
ADD = "add_user"
PASSWORD_BYTES = 15
ROLE_WORDS = {
    "viewer": "reads everything, personal data masked",
    "operator": "runs jobs, retries, looks after the desk",
    "maker": "requests, corrections, holds, files",
    "approver": "approves and rejects",
    "admin": "people and policies",
}


def page() -> None:
    """Draw the page."""
    now, zone, person = frame.now(), frame.zone(), frame.person()
    manages = person.may("manage people")
    with frame.reading() as conn:
        users = list_users(conn)
    frame.header("People", "Who may sign in, and as what?", tools=_add_button if manages else None)
    _chosen(users)
    _table(users, now, zone)
    _one(users, now, zone, manages=manages)
    with st.expander("What each role may do", icon=":material/badge:"):
        records = [
            (
                role.capitalize(),
                ROLE_WORDS[role],
                ", ".join(right for right, roles in RIGHTS.items() if role in roles) or "look",
            )
            for role in ROLES
        ]
        tables.rows(records, ["Role", "In short", "Rights"])


def _add_button() -> None:
    st.button("Add a person", icon=":material/person_add:", on_click=_choose, args=("add", ""))


def _choose(what: str, name: str) -> None:
    st.session_state[CHOSEN] = (what, name)
    st.session_state[FIRST] = secrets.token_urlsafe(PASSWORD_BYTES)
    in_dialog.forget_fault()


def _chosen(users: list[User]) -> None:
    what, name = st.session_state.pop(CHOSEN, ("", ""))
    user = next((one for one in users if one.name == name), None)
    if what == "add":
        _add()
    elif what == "roles" and user is not None:
        _roles(user)
    elif what == "password" and user is not None:
        _password(user)
    else:
        in_dialog.show_fault()  # of a dialog that is no longer there


def _table(users: list[User], now: datetime, zone: ZoneInfo) -> None:
    records = []
    for user in users:
        seen = fmt.moment(user.last_seen_at, zone, now) if user.last_seen_at else "never"
        records.append(
            (
                linked_to("people", user.full_name or user.name, person=user.name),
                fmt.plain(user.name),
                ", ".join(user.roles).capitalize(),
                seen,
                _state(user, now),
            )
        )
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Everybody", f"{sum(user.active for user in users):,} may sign in"))
        tables.rows(records, ["Name", "Signs in as", "Roles", "Last seen", "State"])


def _state(user: User, now: datetime) -> str:
    if not user.active:
        return badge("archived", "Disabled")
    if user.locked_until is not None and user.locked_until > now:
        return tag(f"Locked, {fmt.until(user.locked_until, now)}", "lock", "orange")
    return badge("active")


def _one(users: list[User], now: datetime, zone: ZoneInfo, *, manages: bool) -> None:
    """One person, named by the address: what is known of them, what they did, and what may be changed."""
    by_name = {user.name: user for user in users}
    st.session_state[ONE] = address.one_of("person", by_name, "") or None
    with st.container(border=True, gap="small"):
        note = (
            "roles and passwords end their open sessions" if manages else "what they may do and what they did"
        )
        st.markdown(elements.title("Change a person" if manages else "One person", note))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox(
                "Person",
                list(by_name),
                format_func=lambda one: by_name[one].full_name or one,
                key=ONE,
                placeholder="Choose",
                label_visibility="collapsed",
                width=240,
                on_change=address.remember(ONE, "person"),
            )
            user = by_name.get(name or "")
            if user is None:
                st.caption("Choose whom, then what.", width="content")
                return
            if manages:
                _buttons(user)
        _known(user, now, zone)


def _known(user: User, now: datetime, zone: ZoneInfo) -> None:
    seen = user.last_seen_at
    acts = linked_to("audit", "All acts in the audit", who=f"user:{user.name}")
    tables.pairs(
        [
            ("Signs in as", fmt.plain(user.name)),
            ("Roles", "; ".join(f"{role.capitalize()}: {ROLE_WORDS[role]}" for role in user.roles)),
            ("State", _state(user, now)),
            ("Last seen", f"{fmt.moment(seen, zone, now)}, {fmt.ago(seen, now)}" if seen else "never"),
            ("What they did", acts),
        ]
    )


def _buttons(user: User) -> None:
    st.button("Roles", icon=":material/badge:", on_click=_choose, args=("roles", user.name))
    st.button("New password", icon=":material/key:", on_click=_choose, args=("password", user.name))
    for label, icon, name, work in _at_once(user):
        st.button(label, icon=f":material/{icon}:", on_click=decide, args=(name, token_for(name), work))


def _at_once(user: User) -> list[tuple[str, str, str, Work]]:
    def sign_out(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        end_sessions(conn, user.name, actor=actor, now=now)
        return Outcome(badge="done", headline=f"{_called(user)} is signed out everywhere.")

    def disable(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        disable_user(conn, user.name, actor=actor, now=now)
        return Outcome(
            badge="done",
            headline=f"{_called(user)} may sign in no more.",
            then="Every open session has ended.",
        )

    def enable(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        enable_user(conn, user.name, actor=actor, now=now)
        return Outcome(badge="done", headline=f"{_called(user)} may sign in again.")

    if not user.active:
        return [("Let in again", "lock_open", f"enable_{user.name}", enable)]
    return [
        ("Sign out", "logout", f"sign_out_{user.name}", sign_out),
        ("Disable", "person_off", f"disable_{user.name}", disable),
    ]


def _called(user: User) -> str:
    return fmt.plain(user.full_name or user.name)


@dialog("Add a person", "person_add")
def _add() -> None:
    st.text_input("Name", key=field(ADD, FULL_NAME), max_chars=200, placeholder="Ada Lindqvist")
    st.text_input("Signs in as", key=field(ADD, NAME), max_chars=63, placeholder="ada")
    st.multiselect("Roles", ROLES, key=field(ADD, ROLES_KEY), format_func=str.capitalize)
    _first_password(ADD)
    in_dialog.buttons("Add", "person_add", key="people-go", on_click=_added, args=())


@dialog("Roles", "badge")
def _roles(user: User) -> None:
    st.markdown(f"**{_called(user)}** has these roles and no others.")
    name = f"roles_{user.name}_{user.epoch}"
    st.multiselect(
        "Roles", ROLES, default=list(user.roles), key=field(name, ROLES_KEY), format_func=str.capitalize
    )
    args = (name, token_for(name), user)
    in_dialog.buttons("Give these roles", "badge", key="people-go", on_click=_roled, args=args)


@dialog("New password", "key")
def _password(user: User) -> None:
    st.markdown(f"**{_called(user)}** signs in with it from now on; every open session ends.")
    name = f"password_{user.name}_{user.epoch}"
    _first_password(name)
    args = (name, token_for(name), user.name)
    in_dialog.buttons("Set the password", "key", key="people-go", on_click=_passworded, args=args)


def _first_password(decision: str) -> None:
    st.text_input(
        "Password",
        value=st.session_state[FIRST],
        key=field(decision, PASSWORD),
        max_chars=72,
        autocomplete="new-password",
    )
    st.caption("Hand it over in person or by a channel of its own; it is shown nowhere again.")


def _added() -> None:
    name, full_name = typed(ADD, NAME), typed(ADD, FULL_NAME)
    state = st.session_state
    roles, password = list(state[field(ADD, ROLES_KEY)]), str(state[field(ADD, PASSWORD)])

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        add_user(conn, name, password, roles, actor=actor, now=now, full_name=full_name or None)
        return Outcome(
            badge="done",
            headline=f"{fmt.plain(full_name or name)} may sign in.",
            then="Hand the password over.",
        )

    decision = f"{ADD}_{name}"
    in_dialog.decide_in_dialog(decision, token_for(decision), work)


def _roled(decision: str, token: UUID, shown: User) -> None:
    roles = list(st.session_state[field(decision, ROLES_KEY)])

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        user = set_roles(conn, shown.name, roles, actor=actor, now=now, seen=shown.roles)
        return Outcome(badge="done", headline=f"{_called(user)} is now {', '.join(user.roles)}.")

    in_dialog.decide_in_dialog(decision, token, work)


def _passworded(decision: str, token: UUID, name: str) -> None:
    password = str(st.session_state[field(decision, PASSWORD)])

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        user = set_password(conn, name, password, actor=actor, now=now)
        return Outcome(badge="done", headline=f"{_called(user)} has a new password.")

    in_dialog.decide_in_dialog(decision, token, work)


page()
