"""Who did what to which, when; and that nobody has changed it since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.audit import Chain, verify_chain
from core.days import first_instant
from core.reads.audit import AuditFilter, audit_trail, who_and_what
from core.reports.export import csv_bytes
from pages.shared import address, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.lines import card_text
from pages.shared.status import tag

ROWS, ROWS_OF_A_FILE, FILE_MAX = 50, 2_000, 100_000
IDS_SHOWN, DETAILS_SHOWN = 4, 160
SUBJECT_PAGES = {"payout": "payout?id="}
PERIODS = {"": "Any time", "1": "Today", "7": "7 days", "30": "30 days", "365": "A year"}
CHAIN_TTL_S = 300


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    with frame.reading() as conn:
        actors, actions = who_and_what(conn)
        wanted = _wanted(actors, actions, now, zone)
        found = audit_trail(conn, wanted, before=address.given_id("before"), limit=ROWS + 1)
    frame.header(
        "Audit",
        "Who did what to which, and is it still as it was written?",
        at=now,
        tools=partial(_tools, wanted),
    )
    _chain(now)
    _filters(actors, actions)
    if found.empty:
        elements.empty("Nothing matches", "Nobody did such a thing in that time.", "search_off")
        return
    _rows(found.head(ROWS), now, zone)
    _pager(found)


def _wanted(actors: list[str], actions: list[str], now: datetime, zone: ZoneInfo) -> AuditFilter:
    days = address.one_of("days", PERIODS, "")
    since = None
    if days:
        first: date = now.astimezone(zone).date() - timedelta(days=int(days) - 1)
        since = first_instant(first, zone)
    subject, _, subject_id = address.given("of").partition(" ")
    return AuditFilter(
        actor=address.one_of("who", actors, ""),
        action=address.one_of("what", actions, ""),
        subject=subject,
        subject_id=int(subject_id) if subject_id.isascii() and subject_id.isdigit() else None,
        since=since,
    )


def _tools(wanted: AuditFilter) -> None:
    st.download_button(
        "CSV",
        data=partial(_file, wanted),
        file_name="audit.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help=f"All that matches, the newest {FILE_MAX:,} at most, with the hash of each row",
    )


def _file(wanted: AuditFilter) -> bytes:
    return csv_bytes(_every(wanted))


def _every(wanted: AuditFilter) -> Iterator[pd.DataFrame]:
    before: int | None = None
    with frame.reading() as conn:
        for _ in range(FILE_MAX // ROWS_OF_A_FILE):
            found = audit_trail(conn, wanted, before=before, limit=ROWS_OF_A_FILE)
            yield found.assign(details=[json.dumps(each, sort_keys=True) for each in found["details"]])
            if len(found) < ROWS_OF_A_FILE:
                return
            before = number(found["seq"].iloc[-1])


@st.cache_data(ttl=CHAIN_TTL_S, show_spinner="Walking the chain …")
def _walk() -> tuple[Chain, datetime]:
    with frame.engine().connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return verify_chain(conn), frame.now()


def _chain(now: datetime) -> None:
    with st.container(border=True, gap="xsmall"):
        chain, at = _walk()
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            if chain.broken_at is None:
                proof = f"Every one of {chain.rows:,} rows is as it was written, checked {fmt.ago(at, now)}."
                st.markdown(
                    f"{tag('The chain holds', 'verified', 'green')}\u2003:small[{proof}]", width="content"
                )
            else:
                fault = f"Row {chain.broken_at:,} is not as it was written, or is missing. Nothing after it is proven."
                st.markdown(
                    f"{tag('The chain is broken', 'error', 'red')}\u2003:small[{fault}]", width="content"
                )
            st.button("Check again", icon=":material/refresh:", type="tertiary", on_click=_walk.clear)
        st.markdown(
            f":gray[:small[Its head: keep it elsewhere, and it proves all that came before.]] `{chain.head}`"
        )


def _filters(actors: list[str], actions: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _choice("who", {"": "Anybody", **{one: fmt.person(one) for one in actors}}, 180)
        _choice("what", {"": "Anything", **{one: _words(one) for one in actions}}, 240)
        _choice("days", PERIODS, 120)
        st.text_input(
            "Of",
            value=address.given("of"),
            key="audit-of",
            placeholder="payout 123",
            label_visibility="collapsed",
            width=160,
            on_change=address.remember("audit-of", "of", then=_from_the_start),
        )


def _choice(name: str, options: dict[str, str], width: int) -> None:
    chosen = address.one_of(name, options, "")
    st.selectbox(
        name.capitalize(),
        list(options),
        index=list(options).index(chosen),
        format_func=options.__getitem__,
        label_visibility="collapsed",
        key=f"audit-{name}",
        width=width,
        on_change=address.remember(f"audit-{name}", name, then=_from_the_start),
    )


def _from_the_start() -> None:
    address.put(before=None)


def _words(action: str) -> str:
    return action.replace(".", ": ").replace("_", " ")


def _rows(found: pd.DataFrame, now: datetime, zone: ZoneInfo) -> None:
    records = [
        (
            f"{number(row.seq):,}",
            fmt.moment(instant(row.at), zone, now),
            f"{fmt.plain(fmt.person(str(row.actor)))} :gray[{row.channel}]",
            _words(str(row.action)).capitalize(),
            _subject(str(row.subject), list(row.ids)),
            f":gray[{fmt.plain(_details(row.details))}]",
        )
        for row in tables.each(found)
    ]
    tables.rows(records, ["Row", "When", "Who", "What", "Of", "Details"], right=["Row"])


def _subject(subject: str, ids: list[int]) -> str:
    if not ids:
        return subject.replace("_", " ")
    shown = ", ".join(
        f"[{one}]({SUBJECT_PAGES[subject]}{one})" if subject in SUBJECT_PAGES else str(one)
        for one in ids[:IDS_SHOWN]
    )
    more = f" and {len(ids) - IDS_SHOWN:,} more" if len(ids) > IDS_SHOWN else ""
    return f"{subject.replace('_', ' ')} {shown}{more}"


def _details(details: object) -> str:
    if not isinstance(details, dict):
        return card_text(details)
    said = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in details.items()
        if value not in (None, "", [], {})
    )
    return said if len(said) <= DETAILS_SHOWN else f"{said[:DETAILS_SHOWN]}…"


def _pager(found: pd.DataFrame) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Newest first", width="content")
        with st.container(horizontal=True, width="content", gap="xsmall"):
            if address.given("before"):
                st.button("Newest", icon=":material/first_page:", type="tertiary", on_click=_from_the_start)
            if len(found) > ROWS:
                before = number(found["seq"].iloc[ROWS - 1])
                st.button(
                    "Older",
                    icon=":material/chevron_right:",
                    type="tertiary",
                    on_click=address.put,
                    kwargs={"before": before},
                )


page()
