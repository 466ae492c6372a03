"""What was written about a payout, and the dialog that takes another note: it stands with the partner, too."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.partner_notes import LONGEST, add_note
from core.reads.payout import PayoutStory
from core.reads.payout_header import PayoutHeader
from db.engine import Connection
from pages.shared import desk, in_dialog, keys, tables
from pages.shared.decisions import Outcome, token_for
from pages.shared.format import person, plain, story_moment
from pages.shared.tables import each

TEXT = "payout-note"


def tab(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    """Draw the notes, what each is about, and the button that writes one."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Reasons, and what colleagues wrote of it and of the partner.", width="content")
        if desk.person().may("write notes") and st.button(
            "Write a note", icon=":material/edit_note:", type="tertiary", key="write-note",
            on_click=in_dialog.forget_fault,
        ):  # fmt: skip
            _write(told.header)
    if told.notes.empty:
        st.caption("No note yet. What the next colleague should know goes here.")
        return
    tables.rows(
        [
            (story_moment(row.at, zone, now), plain(person(row.who)), plain(row.about), plain(row.note))
            for row in each(told.notes)
        ],
        ["When", "Who", "About", "Note"],
    )


@st.dialog("Write a note", width="medium", icon=":material/edit_note:", on_dismiss=keys.answered)
def _write(header: PayoutHeader) -> None:
    st.text_area(
        "Note", key=TEXT, max_chars=LONGEST - 40, label_visibility="collapsed",
        placeholder="What the next colleague should know",
    )  # fmt: skip
    st.caption(
        "It names this payout and stands with the partner, too. Everybody but viewers reads it; it is never changed."
    )
    token = token_for(f"payout_note_{header.id}")
    in_dialog.buttons(
        "Keep the note",
        "done",
        key="payout-note-add",
        on_click=_noted,
        args=(token, header.id, header.partner_code),
    )


def _noted(token: UUID, payout_id: int, code: str) -> None:
    said = str(st.session_state[TEXT] or "").strip()

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        add_note(conn, code, f"Payout {payout_id}: {said}" if said else "", actor=actor, now=now)
        return Outcome(badge="done", headline="The note is kept.")

    in_dialog.decide_in_dialog(f"payout_note_{payout_id}", token, work)
