"""What a page shows stands in its address, so that a link shows a colleague the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import streamlit as st

from core.reads.filters import told_instant


def given(name: str, default: str = "") -> str:
    """One value of the address, as text; without the one sign that no text of the database can have."""
    return str(st.query_params.get(name, default)).replace("\x00", "")


def given_id(name: str) -> int | None:
    """One id of the address; None when there is none or it is no number of a row."""
    return an_id(given(name))


def an_id(text: str) -> int | None:
    """The number of a row that a text is; None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - fits a bigint


def given_instant(name: str) -> datetime | None:
    """One instant of the address, in UTC; None when there is none."""
    return told_instant(st.query_params, name)


def one_of(name: str, allowed: Iterable[str], default: str) -> str:
    """One value of the address among those allowed; anything else is the default."""
    value = given(name, default)
    return value if value in set(allowed) else default


def put(**values: str | int | None) -> None:
    """Write values into the address; None and empty texts take theirs out."""
    for name, value in values.items():
        if value in (None, ""):
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def remember(
    key: str, name: str, *, default: str = "", then: Callable[[], None] | None = None
) -> Callable[[], None]:
    """A callback that moves a widget's new value into the address; its default leaves the address clean."""

    def moved() -> None:
        value = st.session_state.get(key)
        put(**{name: None if value in (None, default) else str(value)})
        if then is not None:
            then()

    return moved
