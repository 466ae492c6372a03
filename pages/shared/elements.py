"""Small pieces every page is put together from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

DARK_INK = "#0B1524"


def primary(label: str, icon: str, **options: Any) -> bool:  # noqa: ANN401 - handed to st.button as they are
    """The one primary button in view; on the light accent of the dark theme its ink is dark."""
    text = f":material/{icon}: {label}"
    if st.context.theme.type == "dark":
        text = f':color[{text}]{{foreground="{DARK_INK}"}}'
    return st.button(text, type="primary", **options)


def title(name: str, note: str = "") -> str:
    """The first line of a card: bold, its note small and grey behind it."""
    return f"**{name}**" + (f"\u2002:gray[:small[{note}]]" if note else "")


def card(
    parent: DeltaGenerator, name: str, note: str = "", *, tool: Callable[[], None] | None = None
) -> DeltaGenerator:
    """A bordered card inside a grid, its title drawn and, at the right, one tool."""
    box = parent.container(border=True, gap="small", height="stretch")
    with box:
        if tool is None:
            st.markdown(title(name, note))
        else:
            with st.container(
                horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
            ):
                st.markdown(title(name, note), width="content")
                tool()
    return box


def empty(name: str, caption: str, icon: str) -> DeltaGenerator:
    """What a page shows when there is nothing: a sentence and what to do next; add one button inside."""
    box = st.container(border=True, horizontal_alignment="center")
    with box:
        st.markdown(f"## :material/{icon}: {name}", width="content")
        st.caption(caption, width="content")
    return box
