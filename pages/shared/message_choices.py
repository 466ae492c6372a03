"""How a partner wants to be told: the dialog on their page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from core.access import Actor
from core.message_preferences import Choice, Preferences, choose_messages, read_preferences
from core.messages import LANGUAGES, partner_kinds
from core.reads.partner import PartnerStory
from db.engine import Connection
from pages.shared import frame, in_dialog, tables
from pages.shared.decisions import Outcome, token_for

LANGUAGE, NOTICE, PHONE, GRID = (f"partner-told-{name}" for name in ("language", "notice", "phone", "kinds"))
THE_PROGRAMS = "the program’s"
NOTICES = (None, 0, 1, 2, 3, 5, 7, 14)
COLUMNS = {"email": "Email", "sms": "SMS"}


@st.dialog("What the partner is told", width="medium", icon=":material/mail:")
def choose(story: PartnerStory) -> None:
    """Ask how this partner wants to be told, and keep it."""
    with frame.reading() as conn:
        held = read_preferences(conn, story.header.code, now=frame.now())
    left, middle, right = st.columns(3)
    languages = [None, *LANGUAGES]
    left.selectbox(
        "Language",
        languages,
        index=languages.index(held.language),
        format_func=lambda code: LANGUAGES[code] if code else THE_PROGRAMS,
        key=LANGUAGE,
    )
    notices = sorted({*NOTICES, held.notice_days}, key=lambda days: -1 if days is None else days)
    middle.selectbox(
        "Notice before a payout",
        notices,
        index=notices.index(held.notice_days),
        format_func=_notice,
        key=NOTICE,
    )
    right.text_input(
        "Number for SMS", value=held.phone or "", key=PHONE, max_chars=24, placeholder="+351912345678"
    )
    grid = _grid(held)
    edited = st.data_editor(
        grid.drop(columns="kind"),
        key=GRID,
        hide_index=True,
        height="content",
        column_config={"title": st.column_config.TextColumn("What", disabled=True)}
        | {
            channel: st.column_config.CheckboxColumn(label, width="small")
            for channel, label in COLUMNS.items()
        },
    )
    st.caption(
        "Destination and email changes are told by email whatever is chosen: nobody may switch that off."
    )
    in_dialog.buttons(
        "Keep it so",
        "done",
        key="partner-told",
        on_click=_chosen,
        args=(token_for(f"messages_{story.header.code}"), story.header.code, _ticked(grid, edited, held)),
    )


def _notice(days: int | None) -> str:
    if days is None:
        return THE_PROGRAMS
    return f"{days} {'day' if days == 1 else 'days'} before" if days else "never"


def _grid(held: Preferences) -> pd.DataFrame:
    rows = [
        (name, kind.title, *(held.wanted.get((name, channel)) for channel in COLUMNS))
        for name, kind in partner_kinds().items()
    ]
    frame_ = pd.DataFrame(rows, columns=["kind", "title", *COLUMNS])
    return frame_.astype(dict.fromkeys(COLUMNS, "boolean")).fillna(value=False)


def _ticked(grid: pd.DataFrame, edited: pd.DataFrame, held: Preferences) -> dict[Choice, bool]:
    ticked: dict[Choice, bool] = {}
    row: Any
    for kind, row in zip(grid["kind"], tables.each(edited), strict=True):
        for channel in COLUMNS:
            said = bool(getattr(row, channel))
            # A way that this kind does not go by may only be left alone; ticked, core says why not.
            if said != held.wanted.get((kind, channel), False):
                ticked[kind, channel] = said
    return ticked


def _chosen(token: UUID, code: str, ticked: dict[Choice, bool]) -> None:
    language, days = st.session_state[LANGUAGE], st.session_state[NOTICE]
    phone = str(st.session_state[PHONE] or "")

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        changed = choose_messages(
            conn, code, language=language, notice_days=days, phone=phone, wanted=ticked, actor=actor, now=now
        )
        return Outcome(
            badge="done",
            headline=f"{code} is told so from now on.",
            then=f"{len(changed)} {'thing' if len(changed) == 1 else 'things'} changed.",
        )

    in_dialog.decide_in_dialog(f"messages_{code}", token, work)
