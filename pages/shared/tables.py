"""Tables without CSS: right-aligned figures in `st.table`, pills and right-aligned headers in the grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.shared.status import Look, fill

NBSP = "\u00a0"
NBSP_PX = 2.9
CHARACTER_PX = 6.6
CELL_PADDING_PX = 18
# A grid whose rows open: with columns left out, a click on a head would be one on the first cell below it.
CLICKS: Sequence[Literal["single-column", "single-cell"]] = ("single-column", "single-cell")


def each(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a read one by one, columns as attributes; what is in them its docstring says."""
    return frame.itertuples()


def rows(
    records: Iterable[Sequence[object]],
    columns: Sequence[str],
    *,
    right: Sequence[str] = (),
    header: bool = True,
) -> None:
    """Draw up to some fifteen rows of Markdown texts; columns named in `right` are aligned right, header too."""
    frame = pd.DataFrame(records, columns=list(columns))
    texts = {column: [str(value) for value in frame[column]] for column in right}
    for column in right:
        frame[column] = range(len(frame))  # st.table aligns numbers right, and nothing else
    shown = frame.style.format({column: _word_of(texts[column]) for column in right})
    st.table(shown, border="horizontal", hide_index=True, hide_header=not header)


def _word_of(texts: Sequence[str]) -> Any:  # noqa: ANN401 - pandas-stubs has no name for a formatter of one cell
    return lambda place: texts[int(place)]


def pairs(records: Iterable[tuple[str, str]]) -> None:
    """Draw names and values, the values at the right edge."""
    rows(list(records), ["name", "value"], right=["value"], header=False)


def pills(label: str, looks: Mapping[str, Look], *, width: int, help_text: str | None = None) -> ColumnConfig:
    """A grid column of coloured pills; its cells are lists of the texts `status.pill` gives."""
    texts = [f"{shown.glyph} {shown.word}".strip() for shown in looks.values()]
    colours = [fill(shown.colour) for shown in looks.values()]
    return st.column_config.MultiselectColumn(
        label, options=texts, color=colours, width=width, help=help_text
    )


def figures(label: str, *, width: int, help_text: str | None = None) -> ColumnConfig:
    """A grid column of texts aligned right, its label pushed over the figures."""
    free_px = width - CELL_PADDING_PX - len(label) * CHARACTER_PX
    padded = NBSP * max(int(free_px / NBSP_PX), 0) + label
    return st.column_config.TextColumn(padded, width=width, alignment="right", help=help_text)
