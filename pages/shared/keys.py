"""The keys of a page are quiet while a dialog is open: what is typed then is meant for it, wherever the cursor stands.

A dialog may also go without its person: any run of the page closes it, and Streamlit's own key R is one. So what was asked
is asked again, and the keys stay quiet, until somebody cancels, dismisses or finishes it, or opens another subject.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ASKING, QUIET, LATE = "keys-asking", "keys-quiet", "keys-late"
ON_THEIR_WAY = timedelta(seconds=2)  # what was typed before the page was drawn without its keys


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
    """Whether a dialog about the subject is open or on its way, or was until now: then a letter is the first of a reason, and
    decides nothing.
    """
    asking: tuple[str, int] | None = st.session_state.get(ASKING)
    late: tuple[int, datetime] | None = st.session_state.get(LATE)
    if late is not None and late[0] == subject and datetime.now(UTC) - late[1] < ON_THEIR_WAY:
        return True
    return asking is not None and asking[1] == subject


def answered() -> None:
    """Let the keys decide again: a dialog was cancelled, dismissed or finished."""
    st.session_state.pop(ASKING, None)
    st.session_state.pop(QUIET, None)


def too_late(subject: int) -> None:
    """Ask no more, and let the keys of this subject stay quiet: somebody may be typing into a dialog that never came."""
    st.session_state.pop(ASKING, None)
    st.session_state[QUIET] = subject
    st.session_state[LATE] = (subject, datetime.now(UTC))


def decided(name: str) -> None:
    """Let the keys decide again where a decision was that of the dialog asked for; another one's dialog stays."""
    asking: tuple[str, int] | None = st.session_state.get(ASKING)
    if asking is not None and name == f"{asking[0]} {asking[1]}":
        answered()


def are_quiet(subject: int) -> bool:
    """Whether the keys of the subject's page must do nothing in this run."""
    context = get_script_run_ctx()
    if is_asking(subject) or (context is not None and context.has_dialog_opened):
        st.session_state[QUIET] = subject
    return bool(st.session_state.get(QUIET) == subject)
