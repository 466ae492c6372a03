"""Rows of the audit trail as people read them: what each was about, as links, and one row with all that it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from core.reads.audit import audit_row, names_of
from db.engine import Connection
from pages.shared import address, elements, frame, tables
from pages.shared import format as fmt

Names = dict[tuple[str, int], str]
IDS_SHOWN, DETAILS_SHOWN = 4, 160
CURRENCY = re.compile("[A-Z]{3}")
CODE, ACTOR = re.compile("[a-z]+(_[a-z]+)+"), re.compile("(user|job|policy):[^ ]+")
# Names of what only machines compare: one row by itself shows them too.
MACHINES = re.compile("digest|hash|ids|.+ ids?")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# The page of a subject, and what its address calls the one; whatever has no page leads to all that was done to it.
BY_ID = {
    "payout": ("payout", "id"),
    "batch": ("batch", "id"),
    "customer": ("customer", "id"),
    "earning": ("earning", "id"),
    "payment_file": ("payment_files", "id"),
    "import": ("imports", "run"),
}
BY_NAME = {"partner": ("partner", "code"), "program": ("programs", "program"), "user": ("people", "person")}


def named(conn: Connection, rows: Iterable[Any]) -> Names:
    """Read what people call the subjects of these rows."""
    ids: dict[str, set[int]] = {}
    for row in rows:
        ids.setdefault(str(row.subject), set()).update(row.ids)
    return names_of(conn, ids)


def words(action: str) -> str:
    """An act in words: `Payout: approved`."""
    return action.replace(".", ": ").replace("_", " ").capitalize()


def row_link(seq: int) -> str:
    """The number of a row, which opens it."""
    return f"[{seq:,}](/audit?row={seq})"


def who(actor: str) -> str:
    """Who acted, leading to the person."""
    kind, _, name = actor.partition(":")
    shown = fmt.plain(fmt.person(actor))
    if kind == "user":
        return f"[{shown}](/people?{urlencode({'person': name})})"
    return f"[{shown}](/operations?{urlencode({'job': name})})" if kind == "job" else shown


def subjects(subject: str, ids: list[int], names: Names, *, shown: int = IDS_SHOWN) -> str:
    """What a row was about: each leads to its page, or to everything that was done to it."""
    called = subject.replace("_", " ")
    if not ids:
        return called
    links = ", ".join(_link(subject, one, names) for one in ids[:shown])
    more = f" and {len(ids) - shown:,} more" if len(ids) > shown else ""
    return f"{called} {links}{more}"


def _link(subject: str, one: int, names: Names) -> str:
    if subject in BY_ID:
        page, key = BY_ID[subject]
        return f"[{one}](/{page}?{key}={one})"
    name = names.get((subject, one))
    if name is not None:
        page, key = BY_NAME[subject]
        return f"[{fmt.plain(name)}](/{page}?{urlencode({key: name})})"
    return f"[{one}](/audit?{urlencode({'of': f'{subject} {one}'})})"


def by(row: Any) -> str:  # noqa: ANN401 - a row of a frame or of the trail
    """Who acted, and by which way; of a job its name says so."""
    return who(str(row.actor)) + ("" if row.channel == "job" else f" :gray[{row.channel}]")


def details(given: object, zone: ZoneInfo, now: datetime) -> str:
    """What a row says besides, on one line and cut short, without what only machines read."""
    told = [(name, value) for name, value in _told(given, zone, now) if not MACHINES.fullmatch(name)]
    said = " · ".join(f"{name}: {value}" for name, value in told)
    return said if len(said) <= DETAILS_SHOWN else f"{said[:DETAILS_SHOWN]}…"


def _told(given: object, zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    found = given if isinstance(given, dict) else {}
    currency = found.get("currency")
    amounts = {
        name for name, value in found.items() if str(name).endswith("_minor") and isinstance(value, int)
    }
    told = []
    for name, value in found.items():
        if value in (None, "", [], {}) or (name == "currency" and amounts):
            continue
        if name in amounts and currency is not None:
            told.append((_spaced(str(name).removesuffix("_minor")), fmt.money(value, str(currency))))
        else:
            told.append((_spaced(str(name)), _instant(value, zone, now) or _value(value)))
    return told


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _instant(value: object, zone: ZoneInfo, now: datetime) -> str | None:
    """An instant as the trail keeps it, in the zone of the page; None for all else."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        return None
    return fmt.story_moment(datetime.fromisoformat(value), zone, now)


def _value(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict() if all(
            CURRENCY.fullmatch(str(name)) and isinstance(one, int) for name, one in value.items()
        ):
            return fmt.totals(value)
        case dict():
            return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
        case list():
            return ", ".join(_value(one) for one in value)
        case str() if ACTOR.fullmatch(value):
            return fmt.person(value)
        case str():
            return _spaced(value) if CODE.fullmatch(value) else value
        case _:
            return json.dumps(value, default=str)


def one_row(seq: int, now: datetime, zone: ZoneInfo) -> None:
    """Draw one row with its exact instant, all its subjects, all its details and its place in the chain."""
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        row = audit_row(conn, seq, masked=masked)
        names = named(conn, [] if row is None else [row])
    frame.header(f"Audit, row {seq:,}", "What was done, exactly, and to what?", at=now, tools=_back)
    if row is None:
        elements.empty("No such row", "The trail has no row of this number.", "search_off")
        return
    at = row.at.astimezone(zone)
    with st.container(border=True, gap="small"):
        st.markdown(elements.title(words(row.action), fmt.ago(row.at, now)))
        tables.pairs(
            [
                ("When", f"{fmt.as_of(row.at, zone)} ({at:%H:%M:%S.%f})"),
                ("Who", by(row)),
                ("Of", subjects(row.subject, list(row.ids), names, shown=len(row.ids) or 1)),
                *((name.capitalize(), fmt.plain(value)) for name, value in _told(row.details, zone, now)),
            ]
        )
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Its place in the chain", "each row’s hash covers the one before it"))
        tables.pairs([("Before it", f"`{row.prev_hash}`"), ("Its own", f"`{row.hash}`")])
    with st.container(horizontal=True):
        _step("Earlier", "chevron_left", seq - 1)
        _step("Later", "chevron_right", seq + 1)
        st.button(
            f"Everything by {fmt.person(row.actor)}",
            icon=":material/person_search:",
            type="tertiary",
            on_click=address.put,
            kwargs={"row": None, "who": row.actor},
        )
        if len(row.ids):
            st.button(
                f"Everything on {row.subject.replace('_', ' ')} {row.ids[0]}",
                icon=":material/manage_search:",
                type="tertiary",
                on_click=address.put,
                kwargs={"row": None, "of": f"{row.subject} {row.ids[0]}"},
            )


def _back() -> None:
    st.button(
        "All rows", icon=":material/arrow_back:", type="tertiary", on_click=address.put, kwargs={"row": None}
    )


def _step(label: str, icon: str, seq: int) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        type="tertiary",
        disabled=seq < 1,
        on_click=address.put,
        kwargs={"row": seq},
    )
