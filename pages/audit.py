"""Who did what to which, when; and that nobody has changed it since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access import Actor
from core.audit import Chain, verify_chain
from core.days import first_instant
from core.reads.audit import AuditFilter, audit_trail, who_and_what
from core.reports.export import csv_bytes
from db.engine import Connection
from pages.shared import address, audit_rows, elements, frame, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.status import tag

ROWS, ROWS_OF_A_FILE, FILE_MAX = 50, 2_000, 100_000
PERIODS = {"": "Any time", "1": "Today", "7": "7 days", "30": "30 days", "365": "A year", "span": "From … to"}
SPAN, SPAN_KEY = "span", "audit-span"
CHAIN_TTL_S = 300


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    seq = address.given_id("row")
    if seq is not None:
        audit_rows.one_row(seq, now, zone)
        return
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        actors, actions = who_and_what(conn)
        wanted = _wanted(actors, actions, now, zone)
        found = audit_trail(conn, wanted, masked=masked, before=address.given_id("before"), limit=ROWS + 1)
        names = audit_rows.named(conn, tables.each(found))
    frame.header(
        "Audit",
        "Who did what to which, and is it still as it was written?",
        at=now,
        tools=partial(_tools, wanted),
    )
    _chain(now)
    _filters(actors, actions, now, zone)
    if found.empty:
        elements.empty("Nothing matches", "Nobody did such a thing in that time.", "search_off")
        return
    _rows(found.head(ROWS), names, now, zone)
    _pager(found)


def _wanted(actors: list[str], actions: list[str], now: datetime, zone: ZoneInfo) -> AuditFilter:
    days, today = address.one_of("days", PERIODS, ""), now.astimezone(zone).date()
    since, until = None, None
    if days == SPAN:
        first, last = _span(today)
        since, until = first_instant(first, zone), first_instant(last + timedelta(days=1), zone)
    elif days:
        since = first_instant(today - timedelta(days=int(days) - 1), zone)
    subject, _, subject_id = address.given("of").partition(" ")
    return AuditFilter(
        actor=address.one_of("who", actors, ""),
        action=address.one_of("what", actions, ""),
        subject=subject,
        subject_id=address.an_id(subject_id),
        since=since,
        until=until,
    )


def _span(today: date) -> tuple[date, date]:
    """The two days of the address; what is no day is today."""
    days = []
    for name in ("from", "to"):
        try:
            days.append(min(date.fromisoformat(address.given(name)), today))
        except ValueError:
            days.append(today)
    return min(days), max(days)


def _span_chosen() -> None:
    chosen = st.session_state[SPAN_KEY]
    if len(chosen) == 2:  # noqa: PLR2004 - the first of two clicks is no span yet
        address.put(**{"from": chosen[0].isoformat(), "to": chosen[1].isoformat(), "before": None})


def _tools(wanted: AuditFilter) -> None:
    taking_home.button(
        "CSV",
        partial(_file, wanted),
        file_name="audit.csv",
        told=f"All that matches, the newest {FILE_MAX:,} at most, with the hash of each row",
    )


def _file(wanted: AuditFilter, conn: Connection, actor: Actor) -> bytes:
    return csv_bytes(_every(wanted, conn, masked=taking_home.masked(actor)))


def _every(wanted: AuditFilter, conn: Connection, *, masked: bool) -> Iterator[pd.DataFrame]:
    before: int | None = None
    for _ in range(FILE_MAX // ROWS_OF_A_FILE):
        found = audit_trail(conn, wanted, masked=masked, before=before, limit=ROWS_OF_A_FILE)
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


def _filters(actors: list[str], actions: list[str], now: datetime, zone: ZoneInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _choice("who", {"": "Anybody", **{one: fmt.person(one) for one in actors}}, 180)
        _choice("what", {"": "Anything", **{one: audit_rows.words(one) for one in actions}}, 240)
        _choice("days", PERIODS, 120)
        if address.given("days") == SPAN:
            today = now.astimezone(zone).date()
            st.date_input(
                "From and to", _span(today), max_value=today, format="YYYY-MM-DD", label_visibility="collapsed",
                key=SPAN_KEY, width=250, on_change=_span_chosen,
            )  # fmt: skip
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


def _rows(found: pd.DataFrame, names: audit_rows.Names, now: datetime, zone: ZoneInfo) -> None:
    records = [
        (
            audit_rows.row_link(number(row.seq)),
            fmt.moment(instant(row.at), zone, now),
            audit_rows.by(row),
            audit_rows.words(str(row.action)),
            audit_rows.subjects(str(row.subject), list(row.ids), names),
            f":gray[{fmt.plain(audit_rows.details(row.details, zone, now))}]",
        )
        for row in tables.each(found)
    ]
    tables.rows(records, ["Row", "When", "Who", "What", "Of", "Details"], right=["Row"])


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
