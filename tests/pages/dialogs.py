"""Finding a field of a dialog: its key is its name and the decision the dialog is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Widget

from pages.shared.partner_actions import CHOSEN

W = TypeVar("W", bound=Widget)


def field(among: Iterable[W], name: str) -> W:
    """Return the one field of this name, whatever the dialog is about."""
    [found] = [one for one in among if f"{one.key}-".startswith(f"{name}-")]
    return found


def choose(app: AppTest, line: str) -> AppTest:
    """Choose a line of the menu of the partner that is shown."""
    code = app.query_params["code"]
    app.session_state[CHOSEN] = (line, code if isinstance(code, str) else code[0])
    return app.run()
