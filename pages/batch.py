"""A fixed batch, seen whole before its one decision: estimate, difference, refusals, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st

from core.access import Actor
from core.reads.batch import BatchHeader, LastBatch, batch_header, batch_items, foreseen, last_batch
from core.reports.batch_file import batch_csv, batch_page
from db.engine import Connection
from pages.shared import (
    address,
    batch_build,
    batch_contents,
    batch_decide,
    batch_difference,
    elements,
    frame,
    taking_home,
)
from pages.shared.format import count, person, plain, story_moment

APPROVE, PROCESS = "approve", "process"


def page() -> None:
    """Draw the page."""
    now, who = frame.now(), frame.person()
    masked = not who.may("see personal data")
    batch_id = address.given_id("id")
    if batch_id is None:
        batch_build.build(who, now)
        return
    with frame.reading() as conn:
        header = batch_header(conn, batch_id)
        if header is not None:
            items = batch_items(conn, batch_id, now=now, masked=masked)
            before = last_batch(conn, header, now=now, masked=masked)
            decision = address.one_of("decision", batch_decide.WORDS, _likely(items))
            kept = items[items["left_out"].isna()]
            refusals = (
                foreseen(conn, kept, decision, actor=f"user:{who.name}", now=now)
                if header.decision is None
                else batch_decide.refused(header)
            )
    if header is None:
        frame.header("Batch approval", "Which batch?")
        with elements.empty(f"There is no batch {batch_id}", "Build one from what is ready.", "fact_check"):
            st.page_link("pages/batch.py", label="Build a batch", icon=":material/add:")
        return
    frame.header(
        "Batch approval",
        "Is this batch right, and how does it differ from the last one?",
        at=now,
        tools=lambda: _files(batch_id, now),
    )
    grid = st.grid(3, min_column_width=225)
    with grid.cell(column_span=2, row_span=3):
        batch_contents.estimate(header, kept, refusals, _note(header, kept))
        _difference(kept, before)
    if header.decision is None:
        batch_contents.not_in_this_batch(grid, items, refusals)
        batch_decide.card(grid, header, kept, refusals, decision=decision, who=who)
    else:
        batch_decide.outcome(grid, header, kept)
        batch_contents.not_in_this_batch(grid, items, refusals)
    batch_contents.payouts(header, kept, refusals, who)


def _files(batch_id: int, now: datetime) -> None:
    """What is taken home of the batch: its rows, and a page to print and file; made when they are asked for."""

    def made(by: Callable[..., bytes], conn: Connection, actor: Actor) -> bytes:
        return by(conn, batch_id, now=now, masked=taking_home.masked(actor))

    name = f"payout-batch-{batch_id}"
    taking_home.button("CSV", partial(made, batch_csv), file_name=f"{name}.csv", key="batch-csv")
    taking_home.button(
        "Print", partial(made, batch_page), file_name=f"{name}.html", mime="text/html", icon="print",
        key="batch-print", told="A page that opens in any browser, to print or to file",
    )  # fmt: skip


def _likely(items: pd.DataFrame) -> str:
    """Process, when everything in it waits for sending only; else approve."""
    kept = items[items["left_out"].isna()]
    return PROCESS if len(kept) and kept["status"].isin(["approved", "retrying"]).all() else APPROVE


def _note(header: BatchHeader, kept: pd.DataFrame) -> str:
    at = story_moment(header.made_at, frame.zone(), frame.now())
    partners = count(kept["partner_id"].nunique(), "partner")
    return f"{count(len(kept), 'payout')} to {partners}, fixed {at} by {plain(person(header.made_by))}"


def _difference(kept: pd.DataFrame, before: LastBatch | None) -> None:
    with st.container(border=True, gap="small"):
        if before is None:
            st.markdown(elements.title("Difference from the last batch"))
            st.caption("Nothing was approved as a batch in these programs before.")
            return
        batch_difference.difference(kept, before, frame.zone(), frame.now())


page()
