"""The dialog that takes a note of a partner, from their page or from one of their payouts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.partner_notes import LONGEST, add_note
from db.engine import Connection
from pages.shared import in_dialog, keys
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed

TEXT = "note-text"
NAMES_THE_PAYOUT = 40  # characters of a note that say which payout it is about


@dialog("Write a note", "edit_note", on_dismiss=keys.answered)
def write(partner_code: str, *, payout_id: int | None = None) -> None:
    """Take a note of this partner; of a payout, it names it."""
    name = f"note_{partner_code}_{payout_id}"
    st.text_area(
        "Note",
        key=field(name, TEXT),
        max_chars=LONGEST - NAMES_THE_PAYOUT if payout_id else LONGEST,
        label_visibility="collapsed",
        placeholder="What the next colleague should know",
    )
    where = "It names this payout and stands with the partner, too. " if payout_id else ""
    st.caption(
        f"{where}Everybody but viewers reads it. It is never changed; an admin may blank it where it names a person."
    )
    in_dialog.buttons(
        "Keep the note",
        "done",
        key="note-keep",
        on_click=_noted,
        args=(token_for(name), name, partner_code, payout_id),
    )


def _noted(token: UUID, name: str, partner_code: str, payout_id: int | None) -> None:
    said = typed(name, TEXT)
    about = f"Payout {payout_id}: " if said and payout_id else ""

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        add_note(conn, partner_code, f"{about}{said}", actor=actor, now=now)
        return Outcome(badge="done", headline="The note is kept.")

    in_dialog.decide_in_dialog(name, token, work)
