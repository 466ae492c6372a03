"""What was written about a payout, and the button that writes another note: it stands with the partner, too."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from core.reads.payout import PayoutStory
from pages.shared import desk, in_dialog, note_dialog, tables
from pages.shared.format import person, plain, story_moment
from pages.shared.tables import each


def tab(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    """Draw the notes, what each is about, and the button that writes one."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Reasons, and what colleagues wrote of it and of the partner.", width="content")
        if desk.person().may("write notes") and st.button(
            "Write a note", icon=":material/edit_note:", type="tertiary", key="write-note",
            on_click=in_dialog.forget_fault,
        ):  # fmt: skip
            note_dialog.write(told.header.partner_code, payout_id=told.header.id)
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
