"""Payment files: what people pay by hand or by a bank's form, and what became of each payment."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from core.guards import FILE_METHODS
from core.reads.payment_files import Ready, payment_files, rail_methods, ready_payouts, waiting_files
from pages.shared import (
    address,
    elements,
    frame,
    paid_by_hand,
    payment_dialogs,
    payment_file,
    payment_result_file,
    tables,
)
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.desk import Person

NAMES = {
    "bank_transfer": "bank transfers",
    "paypal": "PayPal",
    "check": "checks",
    "manual": "payments by hand",
}


def page() -> None:
    """Draw the page: one file by its number, or what is ready and all files."""
    file_id = address.given_id("id")
    if file_id is not None:
        payment_file.draw(file_id)
        return
    now, who = frame.now(), frame.person()
    frame.header("Payment files", "What is paid by people, and what became of it?", at=now)
    with frame.reading() as conn:
        rail, groups, files = rail_methods(conn), ready_payouts(conn, now=now), payment_files(conn)
        waiting = waiting_files(conn, now=now)
    if waiting.count:
        since = fmt.ago(waiting.oldest_at, now)
        what = fmt.count(waiting.count, "file waits", "files wait")
        st.warning(
            f"{what} for people, the oldest made {since}: hand it in, or mark what became of its payments.",
            icon=":material/schedule:",
        )
    if groups:
        _ready(groups, who)
    elif files.empty:
        _nothing(rail)
        return
    else:
        with st.container(border=True, gap="small"):
            st.markdown(elements.title("Ready for a file"))
            st.caption("Nothing approved waits for a file now.")
    payment_result_file.draw(who)
    if not files.empty:
        _files(files, now)


def _nothing(rail: tuple[str, tuple[str, ...]] | None) -> None:
    if rail is None:
        name, why = (
            "Not known yet",
            "The scheduler tells which methods its rail pays when it first sends: start it.",
        )
    elif all(method in rail[1] for method in FILE_METHODS):
        name = "No files are needed"
        why = f"The {rail[0]} pays every method by itself. With Stripe, what it does not pay is listed here."
    else:
        name = "No payment files yet"
        why = "An approved payout by bank transfer, PayPal, check or by hand waits here for a file."
    with elements.empty(name, why, "request_quote"):
        st.page_link("pages/queue.py", label="Open the queue", icon=":material/inbox:")


def _ready(groups: list[Ready], who: Person) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Ready for a file", "approved; one file for each program and method"))
        for group in groups:
            with st.container(
                horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
            ):
                with st.container(gap=None, width="stretch"):
                    st.markdown(_line(group))
                    for sentence, n in group.kept.most_common(3):
                        st.markdown(
                            f":small[:orange[:material/front_hand:] {n:,} kept: {fmt.plain(sentence)}]"
                        )
                _act(group, who)


def _line(group: Ready) -> str:
    what = f"{fmt.plain(group.program_name)}, {NAMES[group.method]}"
    if not group.wanted:
        return f"**{what}**\u2002:gray[none may leave now]"
    net = fmt.money(group.net_minor, group.currency)
    return f"**{what}**\u2002{fmt.count(len(group.wanted), 'payout')}, **{net}** net"


def _act(group: Ready, who: Person) -> None:
    key = f"{group.program}-{group.method}-{group.currency}"
    if not group.wanted:
        return
    if group.method == "manual":
        if who.may("mark payments") and st.button("Mark as paid…", key=f"hand-{key}", icon=":material/done:"):
            paid_by_hand.ask(group)
    elif who.may("write payment files") and st.button(
        "Make the file…", key=f"make-{key}", icon=":material/request_quote:"
    ):
        payment_dialogs.ask_make(group)


def _files(files: pd.DataFrame, now: datetime) -> None:
    zone = frame.zone()
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Files", "newest first"))
        records = [
            (
                linked_to("payment_files", f"File {row.id}", id=str(row.id)),
                fmt.story_moment(instant(row.made_at) or now, zone, now),
                fmt.plain(fmt.person(str(row.made_by))),
                f"{fmt.plain(str(row.program_name))}, {NAMES[str(row.method)]}",
                f"{number(row.payouts):,}",
                fmt.money(number(row.total_minor), str(row.currency)),
                payment_file.state(row),
            )
            for row in tables.each(files)
        ]
        head = ["File", "Made", "By", "What", "Payouts", "Net", "State"]
        tables.rows(records, head, right=["Payouts", "Net"])


page()
