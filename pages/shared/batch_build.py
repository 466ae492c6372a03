"""Building a batch from what is ready: program, method, cutoff, what is left out, and what it would come to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.programs import programs as all_programs
from core.reads.batch import ready_for_a_batch, recent_batches
from core.reads.filters import METHODS, PayoutFilter
from pages.shared import address, batch_contents, decisions, desk, elements, frame, tables
from pages.shared.cells import linked_to
from pages.shared.desk import Person
from pages.shared.format import count, method, person, plain, story_moment
from pages.shared.format import totals as in_words
from pages.shared.queue_bar import fix_all, fix_these
from pages.shared.status import badge, look
from pages.shared.tables import each

# What a person may leave out of a batch at once, by what is unusual about it.
EXCLUDABLE = (
    "new_destination", "shared_destination", "above_usual", "first_payout", "second_person", "left_to_person", "override",
)  # fmt: skip
RECENT_SHOWN = 8


def build(who: Person, now: datetime) -> None:
    """Draw the choice and its estimate; the batch is fixed only when the person says so."""
    frame.header("Batch approval", "What is ready, and what would it come to?", at=now)
    with desk.reading() as conn:
        programs = {program.code: program.name for program in all_programs(conn)}
    wanted = _choice(programs, now)
    with desk.reading() as conn:
        ready = ready_for_a_batch(conn, wanted, now=now, masked=not who.may("see personal data"))
    if ready.frame.empty:
        with elements.empty(
            "Nothing is ready", "No pending payout of this choice may be approved now.", "task_alt"
        ):
            st.page_link("pages/queue.py", label="Look at the queue", icon=":material/inbox:")
    elif ready.more:
        _too_many(len(ready.frame))
    else:
        _ready(ready.frame, wanted, who)
    _recent(now)


def _too_many(most: int) -> None:
    caption = f"A batch holds up to {most:,}: choose a program, a method or an earlier cutoff."
    elements.empty(f"More than {most:,} are ready", caption, "filter_alt")


def _ready(found: pd.DataFrame, wanted: PayoutFilter, who: Person) -> None:
    without = _exclusions(found)
    kept = found[~found["signals"].map(lambda signals: bool(without.intersection(signals)))]
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Estimate", "pending, nothing in the way, first approval"))
        if left := len(found) - len(kept):
            st.caption(f"{count(left, 'payout')} left out; they stay in the queue.")
        batch_contents.by_method(kept, net="net_minor")
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            st.page_link(
                "pages/queue.py",
                label="Open in the queue",
                icon=":material/arrow_forward:",
                query_params=wanted.to_query(),
            )
            if who.may("steer payouts") and len(kept):
                _fix(kept, wanted, without)


def _fix(kept: pd.DataFrame, wanted: PayoutFilter, without: frozenset[str]) -> None:
    sums = kept.groupby("currency")["net_minor"].sum()
    net = in_words({str(currency): int(minor) for currency, minor in sums.items()})
    query = wanted.to_query()
    work = fix_all(wanted)
    if without:
        query = query | {"without": ".".join(sorted(without))}
        work = fix_these([int(payout_id) for payout_id in kept["id"]], query)
    name = f"fix batch {sorted(query.items())}"
    elements.primary(
        f"Fix this batch of {len(kept):,} · {net}",
        "fact_check",
        key="fix_batch",
        on_click=decisions.decide,
        args=(name, decisions.token_for(name), work),
    )


def _exclusions(found: pd.DataFrame) -> frozenset[str]:
    """Ask which kinds to leave out, each with how many there are; the address keeps them."""
    counts = {
        code: int(found["signals"].map(lambda signals, c=code: c in signals).sum()) for code in EXCLUDABLE
    }
    there = [code for code in EXCLUDABLE if counts[code]]
    asked = address.given("without").split(".")
    if not there:
        return frozenset()
    st.session_state["batch_without"] = [code for code in there if code in asked]
    chosen = st.pills(
        "Leave out",
        there,
        selection_mode="multi",
        key="batch_without",
        format_func=lambda code: f"{look(code).word} {counts[code]:,}",
        on_change=_left_out,
    )
    return frozenset(chosen)


def _left_out() -> None:
    address.put(without=".".join(st.session_state["batch_without"]) or None)


def _recent(now: datetime) -> None:
    """The batches fixed last, so that one that nobody has decided yet is found again."""
    with desk.reading() as conn:
        found = recent_batches(conn, limit=RECENT_SHOWN)
    if found.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Batches fixed last", f"times in {desk.zone().key}"))
        tables.rows(
            [
                (
                    linked_to("batch", f"Batch {row.id}", id=str(row.id)),
                    f"{story_moment(row.made_at, desk.zone(), now)}, {plain(person(row.made_by))}",
                    _decided(row, now),
                    f"{row.payouts:,}",
                    in_words(row.nets or {}),
                )
                for row in each(found)
            ],
            ["Batch", "Fixed", "Decided", "Payouts", "Net"],
            right=["Payouts", "Net"],
        )


def _decided(row: Any, now: datetime) -> str:  # noqa: ANN401 - a row of the batches
    if pd.isna(row.decision):
        return badge("pending", "Not decided")
    did = {"approve": "approved", "reject": "rejected", "process": "approved"}[row.decision]
    at = story_moment(row.decided_at, desk.zone(), now)
    return f"{badge(did, 'Process now' if row.decision == 'process' else None)} {at}, {plain(person(row.decided_by))}"


def _choice(programs: dict[str, str], now: datetime) -> PayoutFilter:
    asked = PayoutFilter.from_query({name: address.given(name) for name in st.query_params})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["batch_program"] = asked.program if asked.program in programs else ""
        st.selectbox(
            "Program", ["", *programs], key="batch_program", width=190,
            format_func=lambda code: programs.get(code, "All programs"),
            on_change=address.remember("batch_program", "program"),
        )  # fmt: skip
        st.session_state["batch_method"] = asked.method or ""
        st.selectbox(
            "Method", ["", *METHODS], key="batch_method", width=170,
            format_func=lambda code: method(code) if code else "Any method",
            on_change=address.remember("batch_method", "method"),
        )  # fmt: skip
        today = now.astimezone(UTC).date()
        until = None if asked.until is None else min(asked.until, today)
        st.session_state["batch_until"] = until or today
        st.date_input(
            "Cutoff, requested up to", key="batch_until", width=190, max_value=today,
            on_change=address.remember("batch_until", "until", default=today.isoformat()),
        )  # fmt: skip
    return PayoutFilter(
        view="ready", program=st.session_state["batch_program"] or None, method=asked.method, until=until
    )
