"""What stands beside a partner's money: what waits for a second person, notes, the block, and the answer to a question."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.access import Actor
from core.eligibility import allow_again, mark_ineligible
from core.partner_notes import blank_note
from core.proposals import KINDS
from core.reads.answer import answer
from core.reads.partner import PartnerStory
from core.reads.partner_extras import PartnerExtras
from db.engine import Connection
from pages.shared import elements, frame, in_dialog, tables, two_people
from pages.shared import format as fmt
from pages.shared.cells import instant
from pages.shared.decisions import Outcome, Work
from pages.shared.faults import dialog
from pages.shared.lines import card_text
from pages.shared.two_people import ask_why

SHOWN = 6


def waiting(extras: PartnerExtras, now: datetime, zone: ZoneInfo) -> None:
    """Draw what waits for a second person about this partner; without any, nothing."""
    if not extras.waiting:
        return
    with frame.reading() as conn:
        names = {
            one.id: two_people.others(conn, KINDS[one.kind].right, but=one.made_by) for one in extras.waiting
        }
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Waits for a second person"))
        for one in extras.waiting:
            two_people.show_proposal(one, names[one.id], now, zone)


def notes(grid: DeltaGenerator, code: str, extras: PartnerExtras, now: datetime, zone: ZoneInfo) -> None:
    """Draw the notes on the partner of this code, the newest first."""
    with elements.card(grid, "Notes", "added to, never changed", tool=partial(_write_button, code)):
        if extras.notes.empty:
            st.caption("No note yet. What the next colleague should know goes here.")
            return
        records = [
            (
                f"{_text(row.note, row.blanked_at, zone, now)}",
                f":gray[{fmt.plain(fmt.person(str(row.made_by)))}, {fmt.moment(instant(row.at), zone, now)}]",
            )
            for row in extras.notes.head(SHOWN).itertuples(name="Note")
        ]
        tables.pairs(records)
        if len(extras.notes) > SHOWN:
            st.caption(f"and {fmt.count(len(extras.notes) - SHOWN, 'earlier note')}")


def _text(note: object, blanked_at: object, zone: ZoneInfo, now: datetime) -> str:
    if blanked := instant(blanked_at):
        return f":gray[blanked {fmt.moment(blanked, zone, now)}]"
    return fmt.plain(card_text(note)) or ":gray[hidden from viewers]"


def _write_button(code: str) -> None:
    if frame.person().may("write notes"):
        st.button(
            "Write", icon=":material/edit_note:", type="tertiary", key="note-write", on_click=_ask_note, args=(code,)
        )  # fmt: skip


def _ask_note(code: str) -> None:
    st.session_state["partner-chosen"] = ("Write a note", code)
    in_dialog.forget_fault()


def ask_blank(extras: PartnerExtras) -> None:
    """Ask why the newest note that still has its text is blanked."""
    left = extras.notes[extras.notes["blanked_at"].isna()]
    if left.empty:
        return
    note = left.iloc[0]

    def work(why: str) -> Work:
        def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
            blank_note(conn, int(note["id"]), reason=why, actor=actor, now=now)
            return Outcome(badge="done", headline="The note is blank now.")

        return run

    ask_why(
        "Blank the note",
        "ink_eraser",
        f"“{fmt.plain(card_text(note['note']))}” is taken away for good; that there was a note stays.",
        name=f"blank_note_{note['id']}",
        work=work,
    )


def block(story: PartnerStory) -> None:
    """Ask why the partner may not be paid at all."""
    code = story.header.code

    def work(why: str) -> Work:
        def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
            mark_ineligible(conn, code, reason=why, actor=actor, now=now)
            return Outcome(
                badge="on_hold",
                headline=f"{fmt.plain(code)} is ineligible.",
                then="Nothing is queued, approved or sent.",
            )

        return run

    ask_why(
        "Mark as ineligible",
        "person_off",
        "Nothing of this partner is queued, approved or sent until somebody allows them again. Earnings still come in.",
        name=f"mark_ineligible_{code}",
        work=work,
    )


def allow(story: PartnerStory) -> None:
    """Ask why the partner may be paid again."""
    code = story.header.code

    def work(why: str) -> Work:
        def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
            allow_again(conn, code, reason=why, actor=actor, now=now)
            return Outcome(
                badge="done",
                headline=f"{fmt.plain(code)} may be paid again.",
                then="Other holds stay as they are.",
            )

        return run

    ask_why(
        "Allow again",
        "person_check",
        "The block ends; other holds stay.",
        name=f"allow_again_{code}",
        work=work,
    )


@dialog("Answer", "support_agent", width="large")
def reply(story: PartnerStory) -> None:
    """Show where the partner's money stands in words to copy."""
    st.caption("Where the money stands, in words for a reply. The button at the right copies it.")
    st.code(answer(story, now=frame.now()), language=None, wrap_lines=True)
