"""Lists of short lines: what it is, and where a click leads, at the left; a figure or a badge at the right."""

from __future__ import annotations

import pandas as pd
import streamlit as st


def line(
    label: str, right: str = "", *, page: str, icon: str | None = None, query: dict[str, str] | None = None
) -> None:
    """Draw one line that leads to a page with its filters set; `right` is Markdown."""
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        wrap=False,
        gap="small",
    ):
        st.page_link(
            page, label=label, icon=f":material/{icon}:" if icon else "", query_params=query, width="content"
        )
        if right:
            st.markdown(right, width="content")


def quiet(text: str) -> str:
    """A text as it stands at the right end of a line: small and grey."""
    return f":small[:gray[{text}]]"


def figure(text: str) -> str:
    """An amount or a number at the right end of a line: small, in ink."""
    return f":small[{text}]"


def card_text(value: object) -> str:
    """A value of a frame as text; what is missing is empty."""
    return "" if value is None or value is pd.NA or value is pd.NaT or value != value else str(value)  # noqa: PLR0124 - NaN only
