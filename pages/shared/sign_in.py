"""Signing in: the library's form, password check and cookie; who may come in is ours and is read on every run.

The cookie cannot be taken back and is readable by scripts, so it proves only who signed in and when. Whether that
still counts is in the database: the active flag, the lock, the epoch that ends sessions, and `valid_after`, before
which no cookie is believed, and the last click in that very browser. A session left alone ends, and so does what its cookie
says after it, also while its person is at work elsewhere: the address stays, so whoever signs in again is where they were.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import streamlit as st
import streamlit_authenticator as stauth

from core import sign_in, users
from core.access import load_actor
from core.passwords import fits
from core.refusals import Refusal
from core.sign_in import SessionUser
from pages.shared import decisions, desk
from pages.shared.desk import BY_ITSELF, IDLE, PERSON, SEEN, Person
from pages.shared.faults import live

COOKIE = "paydesk"
COOKIE_DAYS = 0.5
NOTED_EVERY = timedelta(minutes=5)
LOOK_EVERY_S = 60
STATUS, USERNAME, SIGNED_OUT = "authentication_status", "username", "logout"  # the library's own keys
EPOCH, NOTICE = "session_epoch", "sign_in_notice"
GOOD_UNTIL = "cookie_good_until"  # of this browser's cookie
NOTED = "noted_at"  # when the last click was written down
CLOSED = "This account is closed."
IDLE_TOO_LONG = "You were signed out after an hour without a click. Sign in, and you are where you were."
ENDED = "Your session has ended. Sign in again."
FORM = {"Form name": "Sign in", "Username": "Name", "Password": "Password", "Login": "Sign in"}


def current() -> Person | None:
    """Who is signed in on this run; a session that counts no more ends here."""
    name = st.session_state.get(USERNAME) if st.session_state.get(STATUS) else None
    if name is None:
        return None
    now = desk.now()
    with desk.reading() as conn:
        user = sign_in.session_state(conn, name)
    over = _why_over(user, now)
    if user is None or over is not None:
        _end(over or CLOSED)
        return None
    st.session_state[EPOCH] = user.epoch
    person = Person(name=user.name, full_name=user.full_name, roles=user.roles, epoch=user.epoch)
    st.session_state[PERSON] = person
    if st.session_state.pop(BY_ITSELF, False):
        return person
    st.session_state[SEEN] = now
    noted: datetime | None = st.session_state.get(NOTED)
    if noted is None or now - noted > NOTED_EVERY:
        _note_click(now)
    return person


def _note_click(now: datetime) -> None:
    with desk.engine().begin() as conn:
        good_until = st.session_state.get(GOOD_UNTIL)
        sign_in.record_seen(conn, desk.person().name, now=now, good_until=good_until)
    st.session_state[NOTED] = now


@live(LOOK_EVERY_S)
def watch() -> None:
    """End a session that counts no more, also while nobody clicks: the page is drawn anew, and is the form."""
    with desk.reading() as conn:
        user = sign_in.session_state(conn, desk.person().name)
    if _why_over(user, desk.now()) is not None:
        st.rerun(scope="app")


def _why_over(user: SessionUser | None, now: datetime) -> str | None:
    """Why this session counts no more, in words; None while it does."""
    if user is None or not user.active:
        return CLOSED
    if desk.is_idle(now):
        return IDLE_TOO_LONG
    return ENDED if st.session_state.get(EPOCH, user.epoch) != user.epoch else None


def _end(notice: str) -> None:
    """Leave nothing of this session to whoever signs in next in the same tab."""
    for key in list(st.session_state):
        del st.session_state[key]
    st.session_state[SIGNED_OUT] = True  # the library asks its cookie no more in this session
    st.session_state[NOTICE] = notice


def ask() -> Person | None:
    """Draw the sign-in form, or take the cookie's word where it still counts; the page's address stays as it is."""
    now = desk.now()
    with desk.reading() as conn:
        known = users.credentials(conn)
    if not st.session_state.get(SIGNED_OUT) and not _cookie_counts():
        st.session_state[SIGNED_OUT] = True
    authenticator = _authenticator(known)
    place = st.empty()
    with place.container(), st.container(horizontal=True, horizontal_alignment="center"):
        _form(authenticator, known, now)
    person = current()
    if person is None:
        return None
    place.empty()
    st.session_state.pop(NOTICE, None)
    # Only now, outside the form's place: a cookie is set by an element that has to stay for this run.
    authenticator.cookie_controller.cookie_model.cookie_expiry_days = COOKIE_DAYS
    if st.session_state.pop("by_password", False):
        authenticator.cookie_controller.set_cookie()
        cookie_end = authenticator.cookie_controller.cookie_model.exp_date
        st.session_state[GOOD_UNTIL] = datetime.fromtimestamp(cookie_end, UTC)
        _note_click(now)
    return person


def _authenticator(known: dict[str, Any]) -> Any:  # noqa: ANN401 - the library ships no types
    return stauth.Authenticate(
        known,
        COOKIE,
        desk.cookie_key(),
        0,  # sets no cookie by itself
        auto_hash=False,
        login_sleep_time=0,  # a form that sleeps can lose its submit
    )


def _form(authenticator: Any, known: dict[str, Any], now: datetime) -> None:  # noqa: ANN401 - as above
    with st.container(width=360, gap="small"):
        st.space("large")
        st.image("static/logo.svg", width=120, alt="Paydesk")
        notice = st.empty()
        authenticator.login(key="sign_in", fields=FORM, callback=_came_in)
        if st.session_state.get(STATUS) is False:
            st.session_state[NOTICE] = _refused(known, now)
        if text := st.session_state.get(NOTICE):
            notice.info(text, icon=":material/info:")
        if desk.settings().env == "demo":
            st.caption("This is a demo: its sign-ins are printed where the desk was started.")


def _came_in(answer: dict[str, Any]) -> None:
    now = desk.now()
    with desk.engine().begin() as conn:
        user = sign_in.session_state(conn, answer["username"])
        locked = user is not None and user.locked_until is not None and user.locked_until > now
        if not locked:
            sign_in.record_sign_in(conn, answer["username"], now=now)
    if locked:
        st.session_state[STATUS] = None
        st.session_state[NOTICE] = "Too many wrong passwords. Try again in a while."
        return
    st.session_state["by_password"] = True


def _refused(known: dict[str, Any], now: datetime) -> str:
    """Count the wrong password where the name is known; an unknown name takes as long."""
    st.session_state[STATUS] = None
    tried = [name for name, user in known["usernames"].items() if user["failed_login_attempts"]]
    if not tried:
        fits("", None)
        return "Name and password do not match."
    with desk.engine().begin() as conn:
        locked_until = sign_in.record_failed_sign_in(conn, tried[0], now=now)
    if locked_until is not None and locked_until > now:
        return "Too many wrong passwords. Try again in a while."
    return "Name and password do not match."


def _cookie_counts() -> bool:
    """Whether the browser's cookie was issued to an active person after the last time their sessions were ended, and they
    clicked in that browser not too long ago.
    """
    written = st.context.cookies.get(COOKIE)
    if written is None:
        return False
    try:
        token = jwt.decode(written, desk.cookie_key(), algorithms=["HS256"])
        name, good_until = str(token["username"]), datetime.fromtimestamp(token["exp_date"], UTC)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
        return False
    with desk.reading() as conn:
        user = sign_in.session_state(conn, name)
        clicked = sign_in.last_click(conn, name, good_until=good_until)
    if user is None or not user.active or clicked is None:
        return False
    if good_until - timedelta(days=COOKIE_DAYS) < user.valid_after or desk.now() - clicked > IDLE:
        return False
    st.session_state[GOOD_UNTIL] = good_until
    return True


def sign_out() -> None:
    """End this person's sessions, here and in every other browser: a button's callback."""
    person, now = desk.person(), desk.now()
    try:
        with desk.engine().begin() as conn:
            actor = load_actor(conn, person.name, channel="page")
            users.end_sessions(conn, person.name, actor=actor, now=now)
    except Refusal:
        pass  # whose account was closed meanwhile is out
    except Exception as fault:  # noqa: BLE001 - told, and in the log
        still_in = {"headline": "You are still signed in.", "then": "Sign out again."}
        decisions.tell(decisions.broken_off(fault, f"signing {person.name} out", **still_in))
        return
    _end("You are signed out.")
