"""The one button that takes a file home: made when it is clicked, for whoever its session still stands for.

A page stays open for hours, and its buttons with it: what they make is asked for by the rights of the click, not by
those the page was drawn with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import streamlit as st

from core.access import Actor
from core.refusals import Refusal
from db.engine import Connection
from pages.shared import desk
from pages.shared.decisions import deciding
from pages.shared.desk import IDLE, SEEN

Making = Callable[[Connection, Actor], bytes]
# Streamlit logs whatever a click's file raises, with its trace.
FILES_LOG = "streamlit.runtime.backend_operation_handler"
log = logging.getLogger("paydesk.pages")


def button(
    label: str,
    make: Making,
    *,
    file_name: str,
    mime: str = "text/csv",
    icon: str | None = "download",
    key: str | None = None,
    told: str | None = None,
    writes: bool = False,
) -> None:
    """Draw the button of one file; `make` gets a connection and who takes it home, read by the click.

    Everything in a file is read as of one instant, unless it `writes` that it was taken home. Whoever's session has
    ended, or may not have it, gets no file.
    """
    st.download_button(
        label,
        made(make, writes=writes),
        file_name=file_name,
        mime=mime,
        icon=icon and f":material/{icon}:",
        type="tertiary",
        on_click="ignore",
        key=key,
        help=told,
    )


def masked(actor: Actor) -> bool:
    """Whether a file of this person goes without personal data."""
    return not actor.may("see personal data")


def only(right: str, actor: Actor, file: bytes) -> bytes:
    """A file that is there already, for who has the right; refuses NotAllowed."""
    actor.must(right)
    return file


def made(make: Making, *, writes: bool = False) -> Callable[[], bytes]:
    """What a click runs, in a thread without a session: so all it needs of one is read now."""
    engine, who = desk.engine(), desk.person()
    seen = st.session_state.get(SEEN, desk.now())
    logging.getLogger(FILES_LOG).addFilter(_is_a_fault)

    def work() -> bytes:
        conn = engine.connect()
        with conn if writes else conn.execution_options(isolation_level="REPEATABLE READ"), conn.begin():
            return make(conn, deciding(conn, who, idle=desk.now() - seen > IDLE))

    return work


def _is_a_fault(record: logging.LogRecord) -> bool:
    """Leave refusals out of what Streamlit logs: that somebody gets no file is a rule, told in one line."""
    fault = record.exc_info[1] if record.exc_info else None
    cause = fault.__cause__ if fault is not None else None
    if not isinstance(cause, Refusal):
        return True
    log.info("no file: %s", cause.sentence)
    return False
