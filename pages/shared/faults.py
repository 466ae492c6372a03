"""What a page says when it cannot be drawn: what it means for the money, a reference into the log, and the way on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal, ParamSpec
from uuid import uuid4

import streamlit as st

from core.settings import SettingsFault
from db.faults import is_away, is_not_migrated
from pages.shared import desk, elements

log = logging.getLogger("paydesk.pages")
LOOK_EVERY_S = 5
JUST_NOW = timedelta(seconds=1)
KEY = "fault"
Given = ParamSpec("Given")
Place = Literal["page", "part", "dialog"]
# What comes of a part of a page, and of a dialog, for which the database did not answer.
WAY_ON = {"part": "This part comes back by itself.", "dialog": "Close this, and open it again in a moment."}


@contextmanager
def told(place: Place = "page") -> Iterator[None]:
    """Say what is wrong in the place of whatever cannot be drawn: the page, or a part or dialog of one that else stays."""
    try:
        yield
    except Exception as fault:  # noqa: BLE001 - whatever it is, a person reads a sentence and the log has the rest
        tell(fault, place)


def live(every_s: float) -> Callable[[Callable[Given, None]], Callable[Given, None]]:
    """Draw a part of a page anew every `every_s` seconds; where it cannot be drawn, it says so and the page stays."""

    def alive(draw: Callable[Given, None]) -> Callable[Given, None]:
        return st.fragment(run_every=every_s)(told("part")(draw))

    return alive


def dialog(
    title: str,
    icon: str,
    *,
    width: Literal["medium", "large"] = "medium",
    on_dismiss: Callable[[], None] | Literal["ignore", "rerun"] = "ignore",
) -> Callable[[Callable[Given, None]], Callable[Given, None]]:
    """Draw in front of the page; where it cannot be drawn, it says so and the page stays."""

    def opened(draw: Callable[Given, None]) -> Callable[Given, None]:
        in_front = st.dialog(title, width=width, icon=f":material/{icon}:", on_dismiss=on_dismiss)
        return in_front(told("dialog")(draw))

    return opened


def noted(fault: Exception, what: str) -> str:
    """Write into the log that `what` failed, with its trace; return the reference that leads there."""
    reference = uuid4().hex[:8]
    log.error("%s failed, reference %s", what, reference, exc_info=fault)
    return reference


def tell(fault: Exception, place: Place) -> None:
    """Draw what is wrong, and what to do about it."""
    if place == "page":
        _in_place_of_the_page(fault)
    else:
        _in_part(fault, place)


def _in_place_of_the_page(fault: Exception) -> None:
    with st.container(key=KEY):
        st.space("medium")
        if is_away(fault):
            log.error("the database does not answer: %s", fault)
            elements.empty(
                "The database does not answer",
                "Nothing is lost: what was decided stands, and nothing is sent twice. The desk comes back by itself.",
                "cloud_off",
            )
            _come_back(desk.now())
        elif is_not_migrated(fault):
            log.error("the database is empty or of an older version: %s", fault)
            elements.empty(
                "The database is empty or of an older version",
                "Whoever runs the desk brings it up to date with: python -m jobs db migrate",
                "database",
            )
        elif isinstance(fault, SettingsFault):
            log.error("%s", fault)
            elements.empty(
                "The desk is set up wrongly", "The dashboard's log says which setting it is.", "tune"
            )
        else:
            with elements.empty(
                "This page cannot be drawn",
                "What was decided before stands. Try again; if it stays so, tell whoever runs the desk the reference"
                f" {noted(fault, 'a page')}: it leads to the fault in the log.",
                "error",
            ):
                st.button("Try again", icon=":material/refresh:", key="try-again")


def _in_part(fault: Exception, place: Literal["part", "dialog"]) -> None:
    with st.container(key=f"{KEY}-{uuid4().hex[:8]}"):
        if is_away(fault):
            log.error("the database does not answer: %s", fault)
            st.caption(f":material/cloud_off: The database does not answer. {WAY_ON[place]}")
        else:
            st.caption(
                f":material/error: This {place} cannot be drawn. Reference {noted(fault, f'a {place}')}."
            )


@st.fragment(run_every=LOOK_EVERY_S)
def _come_back(since: datetime) -> None:
    """Draw the page anew once the database answers; not at once, where nothing can have changed."""
    if desk.now() - since < JUST_NOW:
        return
    try:
        with desk.reading():
            pass
    except Exception as fault:
        if not is_away(fault):
            raise
        return
    desk.draw_anew()
