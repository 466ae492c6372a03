"""How a partner wants to be told: the dialog on their page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.message_preferences import Preferences, choose_messages, read_preferences
from core.messages import LANGUAGES, partner_kinds
from core.reads.partner import PartnerStory
from db.engine import Connection
from pages.shared import frame, in_dialog
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.format import plain
from pages.shared.in_dialog import field, typed

LANGUAGE, NOTICE, PHONE, KINDS = (f"partner-told-{name}" for name in ("language", "notice", "phone", "kinds"))
THE_PROGRAMS = "the program’s"
NOTICES = (None, 0, 1, 2, 3, 5, 7, 14)
BY = {"email": "By email", "sms": "By SMS"}


@dialog("What the partner is told", "mail")
def choose(story: PartnerStory) -> None:
    """Ask how this partner wants to be told, and keep it."""
    with frame.reading() as conn:
        held = read_preferences(conn, story.header.code, now=frame.now())
    name = f"messages_{story.header.code}"
    was = in_dialog.began_with(name, LANGUAGE, held)
    left, middle, right = st.columns(3)
    languages = [None, *LANGUAGES]
    left.selectbox(
        "Language",
        languages,
        index=languages.index(held.language),
        format_func=lambda code: LANGUAGES[code] if code else THE_PROGRAMS,
        key=field(name, LANGUAGE),
    )
    notices = sorted({*NOTICES, held.notice_days}, key=lambda days: -1 if days is None else days)
    middle.selectbox(
        "Notice before a payout",
        notices,
        index=notices.index(held.notice_days),
        format_func=_notice,
        key=field(name, NOTICE),
    )
    right.text_input(
        "Number for SMS",
        value=held.phone or "",
        key=field(name, PHONE),
        max_chars=24,
        placeholder="+351912345678",
    )
    for channel, label in BY.items():
        kinds = _offered(held, channel)
        st.pills(
            label,
            kinds,
            selection_mode="multi",
            default=[kind for kind in kinds if held.wanted[kind, channel]],
            format_func=lambda kind: partner_kinds()[kind].title,
            key=field(name, f"{KINDS}-{channel}"),
        )
    st.caption(
        "Destination and email changes are told by email whatever is chosen: nobody may switch that off."
    )
    in_dialog.buttons(
        "Keep it so",
        "done",
        key="partner-told",
        on_click=_chosen,
        args=(name, token_for(name), story.header.code, was),
    )


def _notice(days: int | None) -> str:
    if days is None:
        return THE_PROGRAMS
    return f"{days} {'day' if days == 1 else 'days'} before" if days else "never"


def _offered(held: Preferences, channel: str) -> list[str]:
    """Return the kinds that may be chosen by this channel: what always goes by email is no choice."""
    kinds = partner_kinds()
    return [
        kind
        for kind, by in held.wanted
        if by == channel and not (kinds[kind].security and channel == "email")
    ]


def _chosen(name: str, token: UUID, code: str, was: Preferences) -> None:
    picked = {channel: set(st.session_state[field(name, f"{KINDS}-{channel}")]) for channel in BY}
    language, days = (st.session_state[field(name, one)] for one in (LANGUAGE, NOTICE))
    phone = typed(name, PHONE)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        held = read_preferences(conn, code, now=now)
        said = {(kind, channel): kind in picked[channel] for channel in BY for kind in _offered(was, channel)}
        changed = choose_messages(
            conn, code,
            language=held.language if language == was.language else language,
            notice_days=held.notice_days if days == was.notice_days else days,
            phone=held.phone if phone == (was.phone or "") else phone,
            wanted={choice: wanted for choice, wanted in said.items() if wanted != was.wanted[choice]},
            actor=actor, now=now,
        )  # fmt: skip
        return Outcome(
            badge="done",
            headline=f"{plain(code)} is told so from now on.",
            then=f"{len(changed)} {'thing' if len(changed) == 1 else 'things'} changed.",
        )

    in_dialog.decide_in_dialog(name, token, work)
