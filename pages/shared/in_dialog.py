"""Deciding from inside a dialog: a refusal stays there, beside what was typed; anything else closes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import streamlit as st

from pages.shared import elements, keys
from pages.shared.decisions import RESULT, Work, decide, last_result

FAULT = "dialog-fault"
Known = TypeVar("Known")


def field(decision: str, name: str) -> str:
    """The key of a field in the dialog of a decision: what was typed for one subject never stands in the next one's.

    A dialog that is dismissed makes no run, and what was typed there is known until the next one; so the decision's name
    carries its subject. Not its token: a refusal takes a new one, and what was typed stays beside the refusal.
    """
    return f"{name}-{decision}"


def typed(decision: str, name: str) -> str:
    """What stands in a field as text, without the blanks around it; an empty one and one that was not drawn are ""."""
    return str(st.session_state.get(field(decision, name)) or "").strip()


def began_with(decision: str, name: str, known: Known) -> Known:
    """What the fields of a dialog began with, `name` being one of them: what nobody changed in it stays as a colleague made
    it meanwhile, whenever the dialog is drawn again.
    """
    was = field(decision, "was")
    if field(decision, name) not in st.session_state:
        st.session_state[was] = known
    began: Known = st.session_state[was]
    return began


def decide_in_dialog(name: str, token: UUID, work: Work) -> None:
    """Decide, in the callback of a dialog's button; a refusal is kept for the dialog."""
    decide(name, token, work)
    result = last_result()
    if result is not None and not result.is_decided:
        st.session_state[FAULT] = f"{result.headline} {result.then}".strip()
        st.session_state.pop(RESULT)
        return
    keys.answered()


def say(fault: str) -> None:
    """Decide nothing, in the callback of a dialog's button, and say why in the dialog."""
    st.session_state[FAULT] = fault


def forget_fault() -> None:
    """Begin a dialog anew."""
    st.session_state.pop(FAULT, None)


def show_fault() -> str | None:
    """Draw what was refused the last time, and return it."""
    fault: str | None = st.session_state.pop(FAULT, None)
    if fault is not None:
        st.warning(fault, icon=":material/edit:")
    return fault


def buttons(
    label: str,
    icon: str,
    *,
    key: str,
    on_click: Callable[..., None],
    args: tuple[object, ...],
    disabled: bool = False,
) -> None:
    """Draw Cancel and the one primary button, and close the dialog when it is done."""
    fault = show_fault()
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}-cancel", on_click=keys.answered):
            st.rerun()
        done = elements.primary(label, icon, key=key, on_click=on_click, args=args, disabled=disabled)
        if done and fault is None:
            st.rerun()
