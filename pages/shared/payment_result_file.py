"""A result file on the page: what its lines would mark is shown before anything is."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.payment_results import ResultsTaken, take_results, template
from core.refusals import Refusal
from db.engine import Connection
from pages.shared import elements, frame, tables, taking_home
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, decide, deciding, token_for
from pages.shared.desk import Person

ROUND = "results-round"  # another round is an empty uploader
COUNTS = {"paid": "Paid", "failed": "Failed", "returned": "Came back", "known": "Known already"}
PROBLEMS_SHOWN = 12


def draw(who: Person) -> None:
    """Draw where a result file is dropped, for who may mark payments."""
    if not who.may("mark payments"):
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Result file", "what the bank tells of many payments at once"))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                "CSV with reference, outcome (paid, failed, returned), reason and date.", width="content"
            )
            st.download_button(
                "Empty file", template(), file_name="results.csv", mime="text/csv", type="tertiary",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
        given = st.file_uploader(
            "Result file",
            type="csv",
            key=f"results-{st.session_state.get(ROUND, 0)}",
            label_visibility="collapsed",
        )
        if given is not None:
            _checked(given.getvalue(), given.name, who)


def _checked(data: bytes, name: str, who: Person) -> None:
    try:
        with frame.engine().connect() as conn, conn.begin() as transaction:
            taken = take_results(conn, data, actor=deciding(conn, who), now=frame.now())
            transaction.rollback()
    except Refusal as refusal:
        st.markdown(f":orange[:material/front_hand:] {fmt.plain(refusal.sentence)}")
        return
    st.markdown(
        elements.title(f"{fmt.plain(name)}, {fmt.count(taken.lines, 'line')}", "nothing is marked yet")
    )
    grid = st.grid(5, min_column_width=110)
    for key, label in COUNTS.items():
        grid.metric(label, f"{taken.counts[key]:,}", border=True, height="stretch")
    grid.metric("Refused", f"{taken.refused:,}", border=True, height="stretch")
    _problems(taken, name)
    going = sum(taken.counts[key] for key in ("paid", "failed", "returned"))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(f"{fmt.totals(taken.totals)} was paid." if taken.totals else "", width="content")
        with st.container(horizontal=True, width="content"):
            st.button("Not now", key="results-drop", on_click=_another)
            if going:
                label = f"Mark {fmt.count(going, 'payment')}"
                decision = f"take_results_{sha256(data).hexdigest()[:16]}"
                args = (decision, token_for(decision), data, name)
                elements.primary(label, "done", key="results-go", on_click=_taken, args=args)


def _problems(taken: ResultsTaken, name: str) -> None:
    if not taken.problems:
        return
    shown = taken.problems[:PROBLEMS_SHOWN]
    records = [(str(line), column or "the line", fmt.plain(sentence)) for line, column, sentence in shown]
    tables.rows(records, ["Line", "Field", "What to do"])
    taking_home.button(
        "Rejects",
        lambda _conn, actor: taking_home.only("mark payments", actor, taken.rejects),
        file_name=f"rejects-{name}",
        told="The lines that are not taken, each with what is wrong: mend them and drop that file here",
    )


def _another() -> None:
    st.session_state[ROUND] = int(st.session_state.get(ROUND, 0)) + 1


def _taken(decision: str, token: UUID, data: bytes, name: str) -> None:
    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        taken = take_results(conn, data, actor=actor, now=now)
        going = sum(taken.counts[key] for key in ("paid", "failed", "returned"))
        refused = [
            (f"Line {line}, {fmt.plain(column)}", fmt.plain(sentence))
            for line, column, sentence in taken.problems
        ]
        return Outcome(
            badge="done",
            headline=f"{fmt.count(going, 'payment is marked', 'payments are marked')} by {fmt.plain(name)}.",
            then=f"{taken.counts['known']:,} were known already." if taken.counts["known"] else "",
            refused=refused,
        )

    decide(decision, token, work)
    _another()
