"""Every try at every message as Operations shows it, and the dialog that sends a test."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.message_tests import ask_test_message
from core.messages import CHANNELS, LANGUAGES, all_kinds, kind_named
from core.reads.messages import delivery_log
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, status, tables
from pages.shared.cells import instant, number
from pages.shared.decisions import Outcome, digest, token_for
from pages.shared.faults import dialog
from pages.shared.lines import card_text

SHOWN = 15
BY = {"email": "email", "sms": "SMS", "chat": "chat"}
KIND, TO, BY_WHICH, LANGUAGE = (f"test-message-{name}" for name in ("kind", "to", "channel", "language"))


def what(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    """Name the message of a row: its kind, and whether it is a test or goes to a former address."""
    note = ":gray[ (test)]" if row.test else ":gray[ (former address)]" if row.recipient == "former" else ""
    return kind_named(str(row.kind)).title + note


def to(row: Any) -> str:  # noqa: ANN401 - as above
    """Name whom a row's message is for, with a link to a partner."""
    if not card_text(row.partner_code):
        return "a given address" if row.test else "The team"
    code = str(row.partner_code)
    return f"[{fmt.plain(card_text(row.partner_name) or code)}](/partner?code={code})"


def log(now: datetime, zone: ZoneInfo) -> None:
    """Draw the newest tries and decisions."""
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        tries = delivery_log(conn, masked=masked, limit=SHOWN)
    if tries.empty:
        st.caption("Nothing was sent yet.")
        return
    records = [
        (
            fmt.moment(instant(row.at), zone, now),
            what(row),
            to(row),
            BY[str(row.channel)],
            OUTCOMES[str(row.outcome)],
            fmt.plain(card_text(row.words)),
            _then(row, now, zone),
        )
        for row in tables.each(tries)
    ]
    tables.rows(records, ["When", "What", "To", "By", "Outcome", "Said", "Now"])
    if len(tries) == SHOWN:
        st.caption(f"The newest {SHOWN}; python -m jobs messages log has them all.")


OUTCOMES = {
    "sent": "Sent",
    "later": "Not yet",
    "refused": "Refused",
    "unclear": "Unclear",
    "dropped": "Dropped",
    "again": "Wanted again",
}


def _then(row: Any, now: datetime, zone: ZoneInfo) -> str:  # noqa: ANN401 - as above
    at = instant(row.next_try_at)
    if at is None or not number(row.tries):
        return status.badge(f"message_{row.state}")
    return f"try {number(row.tries) + 1} {fmt.moment(at, zone, now)}"


def test_button() -> None:
    """Draw the button that opens the dialog of a test, for whoever may send one."""
    if frame.person().may("handle messages") and st.button(
        "Send a test", icon=":material/outgoing_mail:", key="test-message", width="content"
    ):
        in_dialog.forget_fault()
        _ask()


@dialog("Send a test message", "outgoing_mail")
def _ask() -> None:
    st.markdown("Any kind, with made-up figures and marked as a test. Nobody else gets it.")
    kinds = all_kinds()
    kind = st.selectbox("Kind", list(kinds), format_func=lambda name: kinds[name].title, key=KIND)
    known = kinds[str(kind)]
    ways = known.channels if known.audience == "partner" else tuple(c for c in CHANNELS if c != "sms")
    left, right = st.columns(2)
    by = left.selectbox("By", ways, format_func=lambda name: BY[name], key=BY_WHICH)
    right.selectbox("Language", list(LANGUAGES), format_func=lambda code: LANGUAGES[code], key=LANGUAGE)
    if by != "chat":
        st.text_input(
            "To",
            key=TO,
            max_chars=254,
            placeholder="+351912345678" if by == "sms" else "you@example.com",
        )
    in_dialog.buttons(
        "Send the test",
        "outgoing_mail",
        key="test-message-send",
        on_click=_asked,
        args=(),
    )


def _asked() -> None:
    said = {name: str(st.session_state.get(name) or "") for name in (KIND, TO, BY_WHICH, LANGUAGE)}
    decision = f"test_message_{digest(said.values())}"

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        ask_test_message(
            conn,
            said[KIND],
            to="" if said[BY_WHICH] == "chat" else said[TO],
            channel=said[BY_WHICH],
            language=said[LANGUAGE],
            actor=actor,
            now=now,
        )
        return Outcome(
            badge="done",
            headline="The test waits to be sent.",
            then="It leaves within a minute; the log says what became of it.",
        )

    in_dialog.decide_in_dialog(decision, token_for(decision), work)
