"""The part of a policy's form that says what partners are told unless they choose, and of what approvers hear at once."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.messages import LANGUAGES
from core.policy import Policy
from pages.shared import elements
from pages.shared.typed import Typed

NOTICE_DAYS_MAX = 30
AS_SET_UP = "as the desk is set up"


def draw(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    """Draw the fields, and write into the terms what is not built in."""
    messages = policy.messages
    with elements.card(cards, "What partners are told", "unless a partner chooses otherwise"):
        language = st.selectbox(
            "Language",
            [None, *LANGUAGES],
            index=[None, *LANGUAGES].index(messages.language),
            format_func=lambda code: LANGUAGES.get(code, AS_SET_UP) if code else AS_SET_UP,
            key=typed.key("language"),
        )
        days = st.number_input(
            "Notice before a scheduled payout, days; 0: none",
            0,
            NOTICE_DAYS_MAX,
            messages.notice_days,
            key=typed.key("notice"),
        )
        sales = st.checkbox(
            "Of each sale that comes in", messages.sale_confirmed, key=typed.key("told-sales")
        )
        large = typed.amount("Approvers hear at once of a payout above", "large", messages.large_payout_minor)
    said = {
        "language": language,
        "notice_days": int(days),
        "sale_confirmed": sales,
        "large_payout_minor": large,
    }
    now = {name: getattr(messages, name) for name in said}
    if said != now:
        built_in = type(messages)()
        typed.terms["messages"] = {
            name: value for name, value in said.items() if value != getattr(built_in, name)
        }
