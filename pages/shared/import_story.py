"""One file that was taken in: what it did, by whom, and the rows that did not go in, each with what is wrong with it."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.imports import rejects_name
from core.reads.imports import imported_file
from pages.shared import address, elements, frame, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import linked_to

ROWS_SHOWN = 50
FIGURES = {
    "added": "New",
    "updated": "Changed",
    "unchanged": "Known already",
    "refused": "Refused",
    "conflicts": "In conflict",
}


def draw(import_id: int) -> None:
    """Draw the page of the one file the address names."""
    now, zone = frame.now(), frame.zone()
    with frame.reading() as conn:
        file = imported_file(conn, import_id)
    if file is None:
        frame.header("Import", "Which file?", tools=_back)
        elements.empty("No such file", "The number in the address names none.", "search_off")
        return
    frame.header(fmt.plain(file.file_name), "What did this file do?", at=now, tools=_back)
    grid = st.grid(5, min_column_width=110)
    for name, label in FIGURES.items():
        grid.metric(label, f"{getattr(file, name):,}", border=True, height="stretch")
    _bad_rows(file)
    _facts(file, now, zone)


def _back() -> None:
    st.button(
        "All files", icon=":material/arrow_back:", type="tertiary", on_click=address.put, kwargs={"run": None}
    )


def _facts(file: Any, now: datetime, zone: ZoneInfo) -> None:  # noqa: ANN401 - a row of a read
    acts = ", ".join(linked_to("audit", f"import {part}", of=f"import {part}") for part in file.parts)
    by = fmt.person(file.made_by)
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("The file", f"{fmt.count(file.rows, 'row')} of {file.kind}"))
        tables.pairs(
            [
                ("Taken in", f"{fmt.as_of(file.at, zone)}, {fmt.ago(file.at, now)}"),
                (
                    "By",
                    linked_to("people", by, person=by) if file.made_by.startswith("user:") else fmt.plain(by),
                ),
                ("In the audit", acts),
                ("SHA-256 of its bytes", f"`{file.sha256.hex()}`"),
            ]
        )


def _bad_rows(file: Any) -> None:  # noqa: ANN401 - as above
    if not file.refused + file.conflicts:
        return
    name = rejects_name(file.kind, file.sha256, file.at)
    path = frame.settings().data_dir / "rejects" / name
    with st.container(border=True, gap="small"):
        bad = fmt.count(file.refused + file.conflicts, "row")
        st.markdown(
            elements.title("Not taken in", f"{bad}: mend them and import that file; the rest is in already")
        )
        if not frame.person().may("import files"):
            st.caption("The rows themselves are shown to makers, operators and admins.")
        elif not path.is_file():
            st.caption(f"They stand in data/rejects/{name} on the machine where the file was taken in.")
        else:
            _rows(path, file.file_name)


def _rows(path: Path, file_name: str) -> None:
    data = path.read_bytes()
    bad = list(csv.DictReader(io.StringIO(data.decode())))
    tables.rows(
        [
            (row["line"], fmt.plain(row["field"] or "the row"), fmt.plain(row["problem"]))
            for row in bad[:ROWS_SHOWN]
        ],
        ["Line", "Field", "What to do"],
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(bad) > ROWS_SHOWN:
            st.caption(f"and {len(bad) - ROWS_SHOWN:,} more", width="content")
        taking_home.button(
            "Rejects",
            lambda _conn, actor: taking_home.only("import files", actor, data),
            file_name=f"rejects-{file_name}",
        )
