"""Building a set from what is ready: program, method, cutoff, and what it would come to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from core.programs import programs as all_programs
from core.reads.filters import METHODS, PayoutFilter
from core.reads.payouts import totals
from pages.shared import address, decisions, desk, elements, frame, tables
from pages.shared.desk import Person
from pages.shared.format import method, money
from pages.shared.format import totals as in_words
from pages.shared.queue_bar import fix_all
from pages.shared.tables import each


def build(who: Person, now: datetime) -> None:
    """Draw the choice and its estimate; the set is fixed only when the person says so."""
    frame.header("Batch approval", "What is ready, and what would it come to?", at=now)
    with desk.reading() as conn:
        programs = {program.code: program.name for program in all_programs(conn)}
    wanted = _choice(programs, now)
    with desk.reading() as conn:
        sums = totals(conn, wanted, now=now, masked=not who.may("see personal data"))
    if sums.empty:
        with elements.empty(
            "Nothing is ready", "No pending payout of this choice may be approved now.", "task_alt"
        ):
            st.page_link("pages/queue.py", label="Look at the queue", icon=":material/inbox:")
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Ready", "pending, nothing in the way, first approval"))
        _table(sums)
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            st.page_link(
                "pages/queue.py",
                label="Open in the queue",
                icon=":material/arrow_forward:",
                query_params=wanted.to_query(),
            )
            if who.may("steer payouts"):
                net = in_words({row.currency: int(row.net_minor) for row in each(sums)})
                name = f"fix batch {sorted(wanted.to_query().items())}"
                elements.primary(
                    f"Fix this set of {int(sums['count'].sum()):,} · {net}",
                    "fact_check",
                    key="fix_set",
                    on_click=decisions.decide,
                    args=(name, decisions.token_for(name), fix_all(wanted)),
                )


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
        st.session_state["batch_until"] = asked.until or today
        st.date_input(
            "Cutoff, requested up to", key="batch_until", width=190, max_value=today,
            on_change=address.remember("batch_until", "until", default=today.isoformat()),
        )  # fmt: skip
    until = asked.until if isinstance(asked.until, date) else None
    return PayoutFilter(
        view="ready", program=st.session_state["batch_program"] or None, method=asked.method, until=until
    )


def _table(sums: pd.DataFrame) -> None:
    tables.rows(
        [
            (
                row.currency,
                f"{row.payouts:,}",
                money(int(row.amount_minor), row.currency),
                money(-int(row.fee_minor), row.currency),
                f"**{money(int(row.net_minor), row.currency)}**",
            )
            for row in each(sums.rename(columns={"count": "payouts"}))
        ],
        ["Currency", "Payouts", "Gross", "Fees", "Net"],
        right=["Payouts", "Gross", "Fees", "Net"],
    )
