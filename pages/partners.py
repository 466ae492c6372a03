"""Who is owed what, and what keeps it from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from core.access import Actor
from core.programs import programs
from core.reads.not_paid import counted_words, not_paid
from core.reads.partners import CURRENT, PartnerPage, list_partners, partner_totals
from core.reports.export import csv_bytes
from db.engine import Connection
from pages.shared import (
    address,
    elements,
    frame,
    partner_edit,
    partner_filters,
    partner_grid,
    taking_home,
    waiting_payments,
)
from pages.shared import format as fmt
from pages.shared.in_dialog import forget_fault, show_fault
from pages.shared.partner_filters import ORDERS, Wanted, read_wanted

ROWS = 50
ROWS_OF_A_FILE = 1_000
ADDING = "partners-adding"
CSV_COLUMNS = {
    "code": "Code",
    "name": "Partner",
    "email": "Email",
    "program": "Program",
    "tier": "Tier",
    "status": "State",
    "method": "Method",
    "currency": "Currency",
    "available": "Available",
    "held": "Held",
    "next_release_at": "Next release",
    "reserved": "Reserved",
    "paid": "Paid",
    "last_paid_at": "Last paid",
    "why_not": "Not paid because",
}


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    masked = not person.may("see personal data")
    with frame.reading() as conn:
        names = {program.code: program.name for program in programs(conn)}
        last = not_paid(conn, now=now)
        wanted = read_wanted(names, last, masked=masked)
        totals = partner_totals(conn, wanted.filter, masked=masked)
        apart = (
            partner_totals(conn, replace(wanted.filter, status="archived"), masked=masked)
            if wanted.filter.status == CURRENT
            else None
        )
        shown = list_partners(
            conn,
            wanted.filter,
            now=now,
            masked=masked,
            sort=wanted.sort,
            descending=wanted.descending,
            cursor=address.given("cursor") or None,
            limit=ROWS,
        )
    frame.header(
        "Partners", "Who is owed what, and what keeps it from them?", at=now, tools=partial(_tools, wanted)
    )
    _adding()
    _figures(totals)
    waiting_payments.draw(now)
    partner_filters.draw(names, wanted, last)
    if apart is not None:
        _apart(apart)
    if shown.frame.empty:
        _nobody(wanted)
        return
    partner_grid.draw(shown.frame, now, masked=masked)
    _pager(shown, totals, wanted)


def _tools(wanted: Wanted) -> None:
    _csv(wanted)
    if frame.person().may("edit partners"):
        st.button("Add a partner", icon=":material/person_add:", type="tertiary", on_click=_add)


def _add() -> None:
    forget_fault()
    st.session_state[ADDING] = True


def _adding() -> None:
    if not st.session_state.pop(ADDING, False):
        show_fault()  # of a dialog that is no longer there
        return
    with frame.reading() as conn:
        known = programs(conn)
    partner_edit.add(known)


def _csv(wanted: Wanted) -> None:
    taking_home.button(
        "CSV",
        partial(_file, wanted),
        file_name="partners.csv",
        told="Every partner of these filters, not only this page",
    )


def _file(wanted: Wanted, conn: Connection, actor: Actor) -> bytes:
    pages = _every_page(wanted, conn, masked=taking_home.masked(actor))
    return csv_bytes(pages, columns=CSV_COLUMNS)


def _every_page(wanted: Wanted, conn: Connection, *, masked: bool) -> Iterator[pd.DataFrame]:
    cursor: str | None = None
    while True:
        found = list_partners(
            conn,
            wanted.filter,
            now=frame.now(),
            masked=masked,
            sort=wanted.sort,
            descending=wanted.descending,
            cursor=cursor,
            limit=ROWS_OF_A_FILE,
        )
        yield found.frame
        cursor = found.next
        if cursor is None:
            return


FIGURES = {
    "available_minor": "Available",
    "held_minor": "Held",
    "reserved_minor": "Reserved",
    "paid_minor": "Paid",
}


def _figures(totals: pd.DataFrame) -> None:
    if totals.empty:
        return
    ranked = totals.sort_values("count", ascending=False)
    first, others = ranked.iloc[0], ranked.iloc[1:]
    currency = str(first["currency"])
    grid = st.grid(4, min_column_width=220)
    for column, label in FIGURES.items():
        elsewhere = [fmt.money(int(row[column]), str(row["currency"])) for _, row in others.iterrows()]
        note = f"and {', '.join(elsewhere)}" if elsewhere else fmt.count(int(first["count"]), "partner")
        grid.metric(
            f"{label}, {currency}",
            fmt.money(int(first[column]), currency),
            delta=None,
            delta_description=note,
            border=True,
            height="stretch",
        )


def _apart(archived: pd.DataFrame) -> None:
    """Say how much stands with partners who are out of the list."""
    if archived.empty:
        return
    money = [
        fmt.money(int(row["available_minor"] + row["held_minor"]), str(row["currency"]))
        for _, row in archived.iterrows()
    ]
    count = fmt.count(int(archived["count"].sum()), "archived partner")
    st.page_link(
        "pages/partners.py",
        label=f"{count} with {', '.join(money)} available or held",
        icon=":material/archive:",
        query_params={"status": "archived"},
    )


def _pager(shown: PartnerPage, totals: pd.DataFrame, wanted: Wanted) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        of_all = fmt.count(int(totals["count"].sum()), "partner")
        st.caption(f"{len(shown.frame):,} of {of_all}, {ORDERS[wanted.sort][0]}", width="content")
        if shown.previous is None and shown.next is None:
            return
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _turn("Previous", "chevron_left", shown.previous)
            _turn("Next", "chevron_right", shown.next)


def _turn(label: str, icon: str, cursor: str | None) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        type="tertiary",
        disabled=cursor is None,
        on_click=partial(address.put, cursor=cursor),
        key=f"partners-{label}",
    )


def _nobody(wanted: Wanted) -> None:
    by = wanted.filter
    if not (by.search or by.program or wanted.status or by.skipped or by.subset):
        elements.empty(
            "No partner yet", "Take a file of partners in on the Import page, or add one here.", "group_add"
        )
        return
    asked = [
        part
        for part in (
            by.search and f"“{fmt.plain(by.search)}”",
            by.program,
            wanted.status,
            by.skipped and counted_words(by.skipped.reason),
            by.subset and partner_filters.subset_words(by.subset),
        )
        if part
    ]
    with elements.empty("No partner matches", f"Nobody for {', '.join(asked)}.", "search_off"):
        st.button("Clear filters", on_click=partner_filters.clear)


page()
