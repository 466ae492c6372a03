"""What every page stands on: settings and engine of this process, the clock, and who is signed in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.access import RIGHTS
from core.channels.sentry import listen_for_faults
from core.settings import Settings
from core.vault import hold_key
from db import secrets, server
from db.engine import Connection, Engine, app_role, make_engine

APPLICATION = "paydesk dashboard"
PERSON, SEEN = "person", "seen_at"
BY_ITSELF = "drawn_by_itself"
IDLE = timedelta(hours=1)  # who clicked nothing for so long is signed out


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who is signed in, as read at the start of this run; what they may do is read again when they decide."""

    name: str
    full_name: str
    roles: frozenset[str]
    epoch: int

    def may(self, right: str) -> bool:
        """Tell whether to show what the right is for."""
        return bool(self.roles & RIGHTS[right])

    @property
    def called(self) -> str:
        """The person's name as colleagues say it."""
        return self.full_name or self.name


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings of this process, checked once; from then on its faults are told to whoever watches for them."""
    mine = Settings.from_env(os.environ, sends=False)
    if mine.sentry_dsn:
        listen_for_faults(mine.sentry_dsn, environment=mine.env)
    return mine


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The one engine of this process, in the app's role."""
    mine = settings()
    hold_key(mine.secrets_key or secrets.made_secret(mine.data_dir, "details"))
    url = mine.database_url or server.start(mine.data_dir)
    return make_engine(url, application_name=APPLICATION, pool_size=10, role=app_role(url))


def cookie_key() -> str:
    """What signs the sign-in cookie."""
    mine = settings()
    return mine.cookie_key or secrets.made_secret(mine.data_dir, "cookie")


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection to read with, given back at the end."""
    with engine().connect() as conn:
        yield conn


def now() -> datetime:
    """The clock, read once per run or click by the page."""
    return datetime.now(UTC)


def provider_name() -> str:
    """The provider in use as people call it."""
    return "Stripe" if settings().provider == "stripe" else "Provider"


def is_idle(at: datetime) -> bool:
    """Whether the last click of this session is too long ago for whoever sits there now to be the same person."""
    seen: datetime = st.session_state.get(SEEN, at)
    return at - seen > IDLE


def draw_anew() -> NoReturn:
    """Draw the page anew by itself, which is no click: whoever left it alone is not taken for being at work."""
    st.session_state[BY_ITSELF] = True
    st.rerun()


def zone() -> ZoneInfo:
    """The zone of the browser; UTC when it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def person() -> Person:
    """Who is signed in: app.py has seen to it before any page runs.

    The exception is a page's address as the very first visit of a new process: Streamlit then runs that file by itself,
    since nobody has told it of our navigation. Telling it and starting over brings app.py into its place.
    """
    found: Person | None = st.session_state.get(PERSON)
    if found is None:
        from pages.shared import nav

        nav.register(None)
        st.rerun()
    return found
