"""Asking a partner to complete their account: the dialog that has a link mailed to them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.onboarding import ask_onboarding_link
from core.reads.partner import PartnerStory
from db.engine import Connection
from pages.shared import elements, frame
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, Work, decide, token_for
from pages.shared.faults import dialog


def wanted(story: PartnerStory) -> bool:
    """Tell whether this person may ask, and there is an account that cannot be paid yet."""
    return (
        frame.person().may("ask for onboarding")
        and frame.settings().provider == "stripe"
        and (story.header.account or "").startswith("acct_")
        and (story.account is None or not story.account.ready)
    )


@dialog("Mail an onboarding link", "link")
def ask(story: PartnerStory) -> None:
    """Say what will be sent to whom, and take the click."""
    header = story.header
    name = f"ask_onboarding_link_{header.id}"
    st.markdown(
        f"{fmt.plain(header.name or header.code)} is mailed a link to Stripe’s form, where they complete their payout"
        f" account: to **{fmt.plain(header.email or 'nobody, no email is known')}**."
    )
    st.caption("The link is made when the mail is, works once and for minutes. Nobody here sees it.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="onboarding-cancel") or elements.primary(
            "Mail the link",
            "link",
            key="onboarding",
            on_click=_asked,
            args=(name, token_for(name), header.code),
        ):
            st.rerun()


def _asked(name: str, token: UUID, code: str) -> None:
    decide(name, token, _asking(code))


def _asking(code: str) -> Work:
    settings = frame.settings()

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        ask_onboarding_link(
            conn, code, provider=settings.provider, public_url=settings.public_url, actor=actor, now=now
        )
        then = "It leaves within a minute; the card Messages says what became of it."
        return Outcome(badge="done", headline="A link is asked for.", then=then)

    return run
