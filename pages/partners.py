"""Who is owed what, and what keeps it from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256

import pandas as pd
import streamlit as st

from core.programs import programs
from core.reads.partners import PartnerPage, list_partners, partner_totals
from core.reports.export import csv_bytes
from pages.shared import address, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.lines import card_text
from pages.shared.status import Look

ROWS = 50
ROWS_OF_A_FILE = 1_000
ORDERS = {
    "available": ("most available first", True),
    "held": ("most held first", True),
    "reserved": ("most reserved first", True),
    "paid": ("most paid first", True),
    "code": ("by code", False),
    "name": ("by name", False),
}
STATES = {"": "Any state", "active": "Active", "suspended": "Suspended", "archived": "Archived"}
CSV_COLUMNS = {
    "code": "Code",
    "name": "Partner",
    "email": "Email",
    "program": "Program",
    "tier": "Tier",
    "status": "State",
    "method": "Method",
    "currency": "Currency",
    "available_minor": "Available, minor units",
    "held_minor": "Held, minor units",
    "next_release_at": "Next release",
    "reserved_minor": "Reserved, minor units",
    "paid_minor": "Paid, minor units",
    "last_paid_at": "Last paid",
    "why_not": "Not paid because",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the address asks for."""

    search: str
    program: str | None
    status: str | None
    sort: str
    masked: bool

    @property
    def descending(self) -> bool:
        """Amounts begin with the largest, words with the first."""
        return ORDERS[self.sort][1]


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    masked = not person.may("see personal data")
    with frame.reading() as conn:
        names = {program.code: program.name for program in programs(conn)}
        wanted = Wanted(
            search=address.given("search"),
            program=address.one_of("program", names, "") or None,
            status=address.one_of("status", STATES, "") or None,
            sort=address.one_of("sort", ORDERS, "available"),
            masked=masked,
        )
        totals = partner_totals(
            conn, search=wanted.search, program=wanted.program, status=wanted.status, masked=masked
        )
        shown = list_partners(
            conn,
            now=now,
            masked=masked,
            search=wanted.search,
            program=wanted.program,
            status=wanted.status,
            sort=wanted.sort,
            descending=wanted.descending,
            cursor=address.given("cursor") or None,
            limit=ROWS,
        )
    frame.header(
        "Partners", "Who is owed what, and what keeps it from them?", at=now, tools=partial(_csv, wanted)
    )
    _figures(totals)
    _filters(names, wanted)
    if shown.frame.empty:
        _nobody(wanted)
        return
    _grid(shown.frame, now, masked=masked)
    _pager(shown, totals, wanted)


def _csv(wanted: Wanted) -> None:
    st.download_button(
        "CSV",
        data=partial(_file, wanted),
        file_name="partners.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="Every partner of these filters, not only this page",
    )


def _file(wanted: Wanted) -> bytes:
    return csv_bytes(_every_page(wanted), columns=CSV_COLUMNS)


def _every_page(wanted: Wanted) -> Iterator[pd.DataFrame]:
    cursor: str | None = None
    with frame.reading() as conn:
        while True:
            found = list_partners(
                conn,
                now=frame.now(),
                masked=wanted.masked,
                search=wanted.search,
                program=wanted.program,
                status=wanted.status,
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


def _filters(names: dict[str, str], wanted: Wanted) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search",
            value=wanted.search,
            type="search",
            placeholder="Code, customer" if wanted.masked else "Name, code, email, account",
            icon=":material/search:",
            label_visibility="collapsed",
            key="partners-search",
            width=190,
            on_change=address.remember("partners-search", "search", then=_from_the_start),
        )
        _choice("program", {"": "All programs", **names}, wanted.program or "", 158)
        _choice("status", STATES, wanted.status or "", 116)
        _choice("sort", {key: words.capitalize() for key, (words, _) in ORDERS.items()}, wanted.sort, 162)


def _choice(name: str, options: dict[str, str], chosen: str, width: int) -> None:
    key = f"partners-{name}"
    default = "available" if name == "sort" else ""
    st.selectbox(
        name.capitalize(),
        list(options),
        index=list(options).index(chosen),
        format_func=options.__getitem__,
        label_visibility="collapsed",
        key=key,
        width=width,
        on_change=address.remember(key, name, default=default, then=_from_the_start),
    )


def _from_the_start() -> None:
    address.put(cursor=None)


# Why a partner's money does not leave, short enough for a pill.
WHY = {
    "owes_us": Look(word="Owes us", colour="red", icon="trending_down", glyph=""),
    "partner_suspended": Look(word="Suspended", colour="red", icon="block", glyph=""),
    "no_destination": Look(word="Details missing", colour="orange", icon="person_alert", glyph=""),
    "on_hold": Look(word="On hold", colour="yellow", icon="lock", glyph=""),
    "new_partner": Look(word="New partner", colour="yellow", icon="lock", glyph=""),
    "destination_changed": Look(word="New destination", colour="orange", icon="swap_horiz", glyph=""),
    "destination_failed": Look(word="Details refused", colour="orange", icon="person_alert", glyph=""),
    "kyc": Look(word="Not verified", colour="orange", icon="person_alert", glyph=""),
    "below_minimum": Look(word="Below minimum", colour="gray", icon="low_priority", glyph=""),
    "fee_exceeds_amount": Look(word="Below fee", colour="gray", icon="low_priority", glyph=""),
    "cap_reached": Look(word="Cap reached", colour="gray", icon="low_priority", glyph=""),
    "request_open": Look(word="Request open", colour="gray", icon="low_priority", glyph=""),
}
HOLDS = frozenset({"dispute", "review", "ineligible", "manual"})
NO_PILL = frozenset(
    {"nothing_available", "not_positive", "not_due"}
)  # nothing there to leave: no reason is needed


def _grid(found: pd.DataFrame, now: datetime, *, masked: bool) -> None:
    codes = [str(code) for code in found["code"]]
    shown = pd.DataFrame(
        {
            "partner": [card_text(row.name) or str(row.code) for row in found.itertuples(index=False)],
            "code": codes,
            "available": _amounts(found, "available_minor"),
            "held": _amounts(found, "held_minor"),
            "releases": [fmt.until(at, now) if card_text(at) else "" for at in found["next_release_at"]],
            "reserved": _amounts(found, "reserved_minor"),
            "paid": _amounts(found, "paid_minor"),
            "why": [
                _why(card_text(row.why_not_code), int(row.available_minor)) for row in found.itertuples()
            ],
            "program": [str(program) for program in found["program"]],
            "last": [_last(at, now) for at in found["last_paid_at"]],
        }
    )
    if masked:
        shown = shown.drop(columns="partner")  # the code stands for the name
    key = f"partners-{sha256('|'.join(codes).encode()).hexdigest()[:12]}"
    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        height="content",
        row_height=32,
        on_select=partial(_open, key, codes),
        selection_mode="single-cell",
        column_config={
            "partner": st.column_config.TextColumn("Partner", width=166),
            "code": st.column_config.TextColumn("Code", width=84),
            "available": tables.figures("Available", width=112),
            "held": tables.figures("Held", width=104),
            "releases": tables.figures("Releases", width=82),
            "reserved": tables.figures("Reserved", width=104),
            "paid": tables.figures("Paid, all time", width=118),
            "why": tables.pills("Not paid because", WHY, width=128),
            "program": st.column_config.TextColumn("Program", width=116),
            "last": st.column_config.TextColumn("Last paid", width=74),
        },
        alt="Partners with their balances; a click on a row opens the partner.",
    )
    if chosen := st.session_state.pop("partner-to-open", None):
        st.switch_page("pages/partner.py", query_params={"code": chosen})


def _open(key: str, codes: list[str]) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    if cells:
        st.session_state["partner-to-open"] = codes[int(cells[0][0])]


def _amounts(found: pd.DataFrame, column: str) -> list[str]:
    texts = [
        fmt.money(int(minor), str(currency)) if int(minor) else fmt.ABSENT
        for minor, currency in zip(found[column], found["currency"], strict=True)
    ]
    return [f"{text:>14}" for text in texts]  # so that a click on the head sorts them as amounts


def _why(code: str, available_minor: int) -> list[str]:
    if available_minor < 0:
        return [WHY["owes_us"].word]
    if not code or code in NO_PILL:
        return []
    return [WHY["on_hold" if code in HOLDS or code not in WHY else code].word]


def _last(at: object, now: datetime) -> str:
    if not isinstance(at, datetime) or at is pd.NaT:
        return ""
    local = at.astimezone(frame.zone())
    year = "" if local.year == now.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}"


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
    if not (wanted.search or wanted.program or wanted.status):
        elements.empty(
            "No partner yet", "Import a file of partners: python -m jobs import partners FILE", "group_add"
        )
        return
    asked = [
        part
        for part in (wanted.search and f"“{fmt.plain(wanted.search)}”", wanted.program, wanted.status)
        if part
    ]
    with elements.empty("No partner matches", f"Nobody for {', '.join(asked)}.", "search_off"):
        st.button("Clear filters", on_click=_clear)


def _clear() -> None:
    for key in ("partners-search", "partners-program", "partners-status"):
        st.session_state.pop(key, None)
    address.put(search=None, program=None, status=None, cursor=None)


page()
