"""The keys of a page are quiet while a dialog is open: what is typed then is meant for it, wherever the cursor stands.

A dialog may also go without its person: any run of the page closes it, and Streamlit's own key R is one. So what was asked
is asked again, and the keys stay quiet, until somebody cancels, dismisses or finishes it, or opens another subject.

While they are quiet the buttons are drawn as other ones: a click on one that had a key is a letter typed before they were.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ASKING, QUIET = "keys-asking", "keys-quiet"


def ask(name: str, subject: int) -> None:
    """Let every run open the dialog of this name about this subject until it is answered; in the callback of a button."""
    st.session_state[ASKING] = (name, subject)


def asked(subject: int) -> str | None:
    """The name of the dialog this run opens about the subject; None: nothing was asked, or it was answered."""
    asking: tuple[str, int] | None = st.session_state.get(ASKING)
    if asking is None or asking[1] == subject:
        return asking and asking[0]
    answered()
    return None


def is_asking(subject: int) -> bool:
    """Whether a dialog about the subject is open, or on its way."""
    asking: tuple[str, int] | None = st.session_state.get(ASKING)
    return asking is not None and asking[1] == subject


def are_meant(subject: int, *, had_key: bool) -> bool:
    """Whether a click on a button of the subject's page is meant for it: with a dialog open or on its way it is the letter of
    a reason, and so it is where the button was drawn with a key that is quiet now.
    """
    return not is_asking(subject) and not (had_key and _is_quiet(subject))


def answered() -> None:
    """Let the keys decide again: a dialog was cancelled, dismissed or finished."""
    st.session_state.pop(ASKING, None)
    st.session_state.pop(QUIET, None)


def too_late(subject: int) -> None:
    """Ask no more, and let the keys of this subject stay quiet: somebody may be typing into a dialog that never came."""
    st.session_state[QUIET] = subject
    st.session_state.pop(ASKING, None)


def decided(name: str) -> None:
    """Let the keys decide again where a decision was that of the dialog asked for; another one's dialog stays."""
    asking: tuple[str, int] | None = st.session_state.get(ASKING)
    if asking is not None and name == f"{asking[0]} {asking[1]}":
        answered()


def is_dialog_open() -> bool:
    """Whether this run has opened a dialog already; it may open only one."""
    context = get_script_run_ctx()
    return context is not None and context.has_dialog_opened


def are_quiet(subject: int) -> bool:
    """Whether the keys of the subject's page must do nothing in this run."""
    if is_asking(subject) or is_dialog_open():
        st.session_state[QUIET] = subject
    return _is_quiet(subject)


def _is_quiet(subject: int) -> bool:
    return bool(st.session_state.get(QUIET) == subject)
