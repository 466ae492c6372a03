"""Finding a field of a dialog: its key is its name and the decision the dialog is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from streamlit.testing.v1.element_tree import Widget

W = TypeVar("W", bound=Widget)


def field(among: Iterable[W], name: str) -> W:
    """Return the one field of this name, whatever the dialog is about."""
    [found] = [one for one in among if f"{one.key}-".startswith(f"{name}-")]
    return found
