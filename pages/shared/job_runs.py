"""What the jobs did: the newest runs, all of one job with how long they take, and one run with all that it said."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.operations import job_run, job_runs
from pages.shared import address, elements, frame, job_words, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.lines import card_text

NEWEST, OF_A_JOB = 12, 50


def did(row: Any) -> str:  # noqa: ANN401 - a row of jobs or of runs
    """What the last run did, or why it failed; without a run it is idle, and nothing when it never was seen."""
    if card_text(row.error):
        return job_words.failed(card_text(row.error))
    if not card_text(row.count):
        return ""
    return job_words.did(str(row.job), number(row.count), row.result if isinstance(row.result, dict) else {})


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw the newest runs, or those of the one job the address names."""
    job = address.given("job")
    with frame.reading() as conn:
        runs = job_runs(conn, job=job or None, limit=OF_A_JOB if job else NEWEST)
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            note = _lengths(runs) if job else "that did something, failed, or served a slot of the timetable"
            st.markdown(
                elements.title(f"Runs of {fmt.plain(job)}" if job else "Recent runs", note), width="content"
            )
            if job:
                st.button(
                    "All jobs", icon=":material/close:", type="tertiary", key="runs-of-all",
                    on_click=address.put, kwargs={"job": None},
                )  # fmt: skip
        if runs.empty:
            st.caption("No run yet that did something. The scheduler starts with: python -m jobs")
            return
        records = [
            (
                linked_to(
                    "operations", fmt.moment(instant(run.started_at), zone, now), run=str(number(run.id))
                ),
                f"**{run.job}**",
                _result(ok=bool(run.ok)),
                job_words.took(number(run.duration_ms)),
                did(run),
                fmt.plain(fmt.person(str(run.made_by))),
            )
            for run in tables.each(runs)
        ]
        tables.rows(records, ["Started", "Job", "Result", "Took", "Did", "By"], right=["Took"])


def _result(*, ok: bool) -> str:
    return status.badge("done" if ok else "failing", None if ok else "Failed")


def _lengths(runs: pd.DataFrame) -> str:
    if runs.empty:
        return ""
    took = runs["duration_ms"].astype(int)
    failed = int((~runs["ok"].astype(bool)).sum())
    usual, longest = job_words.took(int(took.median())), job_words.took(int(took.max()))
    return f"the last {len(runs):,}: usually {usual}, at most {longest}; {failed:,} failed"


def one(run_id: int, now: datetime, zone: ZoneInfo) -> None:
    """Draw one run: when exactly, for which slot, how long, by whom, and all that it said."""
    with frame.reading() as conn:
        run = job_run(conn, run_id)
    frame.header(f"Run {run_id:,}", "What did this run of a job do?", at=now, tools=_back)
    if run is None:
        elements.empty("No such run", "The number in the address names none.", "search_off")
        return
    slot = [("For the slot", fmt.as_of(run.slot, zone))] if run.slot else []
    ended = f"{fmt.as_of(run.ended_at, zone)}, {fmt.ago(run.ended_at, now)}"
    with st.container(border=True, gap="small"):
        st.markdown(f"{elements.title(run.job)}\u2002{_result(ok=run.ok)}")
        tables.pairs(
            [
                ("Began", fmt.as_of(run.started_at, zone)),
                *slot,
                ("As if it were", fmt.as_of(run.as_of, zone)),
                ("Ended", ended),
                ("Took", _exact(run.duration_ms)),
                ("Did", did(run)),
                ("By", fmt.plain(fmt.person(run.made_by))),
                ("This job", linked_to("operations", f"All runs of {run.job}", job=run.job)),
                (
                    "Its acts",
                    linked_to("audit", f"In the audit, by {fmt.person(run.made_by)}", who=run.made_by),
                ),
            ]
        )
    if run.error:
        with st.container(border=True, gap="small"):
            st.markdown(elements.title("Why it failed", "the job may be run again at any time, twice"))
            st.code(run.error, language=None, wrap_lines=True)
    if run.result:
        with st.container(border=True, gap="small"):
            st.markdown(elements.title("All that it said", "amounts in minor units"))
            st.code(json.dumps(run.result, indent=2, ensure_ascii=False), language=None)


def _exact(duration_ms: int) -> str:
    return f"{duration_ms:,} ms" if duration_ms < 10_000 else fmt.span(timedelta(milliseconds=duration_ms))  # noqa: PLR2004


def _back() -> None:
    st.button(
        "Operations",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=address.put,
        kwargs={"run": None},
    )
