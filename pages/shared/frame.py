"""The frame of a page: its header and the result of the last decision, and all that `desk` gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from pages.shared.decisions import show_result
from pages.shared.desk import draw_anew, engine, now, person, reading, settings, zone
from pages.shared.format import as_of
from pages.shared.payout_confirm import take_back_button

__all__ = ["draw_anew", "engine", "header", "now", "person", "reading", "settings", "zone"]


def header(
    title: str, question: str, *, at: datetime | None = None, tools: Callable[[], None] | None = None
) -> None:
    """Draw title and question at the left, as-of and tools at the right, and below them the last decision's result."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(gap=None, width="content"):
            st.markdown(f"# {title}", width="content")
            st.caption(question, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            if at is not None:
                st.caption(f":material/schedule: {as_of(at, zone())}", width="content")
            if tools is not None:
                tools()
    show_result(take_back_button)
