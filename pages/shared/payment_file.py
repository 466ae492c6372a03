"""One payment file: what it pays, to take home, and what became of each payment."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.access import Actor
from core.payment_contents import UnknownFile, file_document
from core.reads.payment_files import file_lines, files_of_payout, read_file
from core.stops import current_stop
from db.engine import Connection
from pages.shared import elements, frame, payment_dialogs, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import linked_to, number
from pages.shared.desk import Person
from pages.shared.lines import card_text
from pages.shared.status import badge

STATES = {"made": "Not handed in", "sent": "Handed in", "cancelled": "Cancelled"}
OUTCOMES = {"paid": "paid", "failed": "failed", "returned": "reversed"}
WORDS = {"paid": "Paid", "failed": "Failed", "returned": "Came back"}
FORMATS = {"csv": ("CSV", "table"), "sepa": ("SEPA (pain.001)", "account_balance")}


def state(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    """Where a file stands, as a badge: handed in, and how many of its payments nobody has marked."""
    if row.state == "cancelled":
        return badge("cancelled")
    if row.state == "made":
        return badge("pending", "Not handed in")
    if number(row.open):
        return badge("processing", f"{number(row.open):,} to mark")
    return badge("done", "All marked")


def of_payout(payout_id: int) -> None:
    """Draw the files a payout is or was in, each with its references; nothing where it left by a rail."""
    with frame.reading() as conn:
        found = files_of_payout(conn, payout_id)
    for one in found:
        link = linked_to("payment_files", f"Payment file {one.id}", id=str(one.id))
        words = [f":material/request_quote: {link}, {STATES[one.state].lower()}"]
        if one.sent_ref:
            words.append(f"under {fmt.plain(one.sent_ref)}")
        words.append(f":gray[reference] {fmt.plain(one.reference)}")
        if one.shown:
            words.append(f":gray[to] {fmt.plain(one.shown)}")
        line = "\u2002".join(words)
        st.markdown(f":small[{line}]")


def draw(file_id: int) -> None:
    """Draw one file, or say that there is none."""
    who, now = frame.person(), frame.now()
    try:
        with frame.reading() as conn:
            file = read_file(conn, file_id)
            lines = file_lines(conn, file_id, masked=not who.may("see personal data"))
            stopped = current_stop(conn) is not None
    except UnknownFile as refusal:
        frame.header("Payment file", "Which file?")
        with elements.empty(refusal.sentence, "Choose one of the list.", "request_quote"):
            st.page_link("pages/payment_files.py", label="All files", icon=":material/request_quote:")
        return
    made = fmt.story_moment(file["made_at"], frame.zone(), now)
    frame.header(
        f"File {file_id}: {fmt.money(file['total_minor'], file['currency'])}",
        f"{fmt.plain(file['program_name'])} · {fmt.method(file['method'])} · {fmt.count(file['payouts'], 'payout')}"
        f" · made {made} by {fmt.plain(fmt.person(file['made_by']))}",
        tools=lambda: _tools(file, lines, who, stopped=stopped),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/payment_files.py", label="All files", icon=":material/arrow_back:")
        st.markdown(_where_it_stands(file), width="content")
    if stopped and file["state"] == "made":
        st.warning("All sending is stopped: do not hand this file in.", icon=":material/front_hand:")
    _payments(lines, file)


def _where_it_stands(file: dict[str, Any]) -> str:
    row = pd.Series(file)
    said = [state(row)]
    if file["state"] == "sent":
        who = fmt.plain(fmt.person(file["sent_by"]))
        said.append(f"handed in by {who} under **{fmt.plain(file['sent_ref'])}**")
    elif file["state"] == "cancelled":
        who = fmt.plain(fmt.person(file["cancelled_by"]))
        said.append(f"by {who}: {fmt.plain(file['cancel_reason'])}")
    else:
        said.append("take it home, hand it in, then mark it with the reference you got")
    return "\u2002".join(said)


def _tools(file: dict[str, Any], lines: pd.DataFrame, who: Person, *, stopped: bool) -> None:
    file_id, standing = int(file["id"]), str(file["state"])
    may_take = who.may("write payment files") and standing != "cancelled"
    for form in file["formats"]:
        if may_take and not (stopped and standing == "made"):
            _download(file_id, form, str(file["method"]))
    may_cancel = standing == "made" and who.may("write payment files")
    if may_cancel and st.button("Cancel the file…", icon=":material/do_not_disturb_on:", type="tertiary"):
        payment_dialogs.ask_cancel(file_id)
    if not who.may("mark payments"):
        return
    if standing == "made" and elements.primary("Handed in…", "outbox", key="file-sent"):
        payment_dialogs.ask_sent(file_id, number(file["total_minor"]), str(file["currency"]))
    if standing == "sent":
        still_open = lines[lines["outcome"].isna()]
        if len(still_open) > 1 and st.button(
            f"All {len(still_open)} are paid…", icon=":material/done_all:", key="file-all"
        ):
            payment_dialogs.ask_all_paid(file_id, still_open)
        markable = lines[lines["outcome"].isna() | (lines["outcome"] == "paid")].sort_values(
            "outcome", na_position="first", kind="stable"
        )
        if len(markable) and elements.primary("Mark a payment…", "edit", key="file-mark"):
            payment_dialogs.ask_mark(file_id, markable)


def _download(file_id: int, form: str, method: str) -> None:
    label, icon = FORMATS[form]

    def made(conn: Connection, actor: Actor) -> bytes:
        return file_document(conn, file_id, form=form, actor=actor, now=frame.now()).content

    taking_home.button(
        label,
        made,
        file_name=f"payments-{file_id}-{method}.{'xml' if form == 'sepa' else 'csv'}",
        mime="application/xml" if form == "sepa" else "text/csv",
        icon=icon,
        key=f"download-{form}",
        told="It has full details: keep it nowhere, and the audit keeps who took it",
        writes=True,
    )


def _payments(lines: pd.DataFrame, file: dict[str, Any]) -> None:
    counted = ", ".join(
        f"{number(file[name]):,} {word}"
        for name, word in (("paid", "paid"), ("failed", "failed"), ("came_back", "came back later"))
        if number(file[name])
    )
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Payments", counted or "nobody has marked any yet"))
        shown = pd.DataFrame(
            [
                {
                    "Payout": f"/payout?id={row.payout_id}",
                    "Partner": card_text(row.partner_name) or str(row.partner_code),
                    "Net": fmt.money(number(row.amount_minor), str(row.currency)),
                    "Outcome": WORDS.get(card_text(row.outcome) or "", "Open"),
                    "Day": card_text(row.happened_on),
                    "Said": _said(row),
                    "To": card_text(row.shown),
                    "Reference": str(row.reference),
                }
                for row in tables.each(lines)
            ]
        )
        st.dataframe(
            shown,
            hide_index=True,
            width="stretch",
            column_config={
                "Payout": st.column_config.LinkColumn("Payout", display_text=r"id=(\d+)", width=70),
                "Net": tables.figures("Net", width=110),
            },
        )


def _said(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    by = card_text(row.marked_by)
    words = [fmt.person(by)] if by else []
    if reason := card_text(row.reason):
        words.append(reason)
    return ": ".join(words)
