"""What the queue shows, kept in its address: view, filters, order, columns and page; and the CSV of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from core.access import Actor
from core.programs import programs as all_programs
from core.reads.filters import DAYS, METHODS, STATUSES, VIEWS, PayoutFilter
from core.reads.payouts import SORTS
from core.reports.files import payouts_file
from db.engine import Connection
from pages.shared import address, desk, taking_home
from pages.shared.format import PRIORITIES, method, moment, plain
from pages.shared.queue_columns import COLUMNS, usual
from pages.shared.status import STATUS

VIEW_WORDS = {
    "open": "Open", "ready": "Ready", "blocked": "Blocked", "second_person": "2nd person", "retrying": "Retrying",
    "approved": "Approved", "leaves": "Leaves today", "timed": "Wait for their time", "paid": "Paid",
    "sent_back": "Sent back", "aside": "Set aside", "all": "All",
}  # fmt: skip
DAY_WORDS = {"24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
ORDERS = {
    "queued_at-": "newest request first", "queued_at+": "oldest request first", "priority-": "highest priority first",
    "net-": "largest net first", "net+": "smallest net first", "partner+": "by partner", "status+": "by status",
    "id-": "highest number first",
}  # fmt: skip
# What a click on the head of a column orders by, the second click the other way round.
HEADS = {
    "id": ("id-",), "partner": ("partner+",), "net": ("net-", "net+"), "status": ("status+",), "priority": ("priority-",),
    "requested": ("queued_at-", "queued_at+"), "days": ("queued_at+", "queued_at-"),
}  # fmt: skip
ON_DEMAND = ("leaves", "timed", "sent_back")  # views that only a link asks for
USUAL_ORDER = "queued_at-"
PAGING = ("cursor", "page")
FILTERS = ("search", "status", "priority", "method", "program", "days")
# What only a link asks for: no box shows it, so a line does.
LINKED = ("partner", "currency", "since", "until", "queued_after", "ended_after")
LINKED_WORDS = {
    "partner": "partner", "currency": "in", "since": "requested since", "until": "requested up to",
    "queued_after": "requested after", "ended_after": "paid or failed after",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the address asks for."""

    wanted: PayoutFilter
    order: str
    columns: tuple[str, ...]
    cursor: str | None
    page: int

    @property
    def sort(self) -> str:
        """The key of SORTS."""
        return self.order[:-1]

    @property
    def descending(self) -> bool:
        """Which end of it comes first."""
        return self.order.endswith("-")

    @property
    def order_words(self) -> str:
        """The order in words."""
        return ORDERS[self.order]

    @property
    def narrowed(self) -> bool:
        """Whether anything but the view is asked for."""
        return bool(self._asked)

    @property
    def words(self) -> str:
        """The filter in words."""
        return ", ".join(
            [
                f"view {VIEW_WORDS[self.wanted.view]}",
                *(f"{name} {plain(value)}" for name, value in self._asked if name not in LINKED),
                *self.linked,
            ]
        )

    @property
    def linked(self) -> list[str]:
        """What only the address asks for, in words."""
        now, zone = desk.now(), desk.zone()
        found = []
        for name, word in LINKED_WORDS.items():
            value = getattr(self.wanted, name)
            if value is not None:
                told = moment(value, zone, now) if isinstance(value, datetime) else plain(str(value))
                found.append(f"{word} {told}")
        return found

    @property
    def _asked(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.wanted.to_query().items() if name != "view"]


def from_address() -> Shown:
    """Read what the address asks for; what it says wrongly is left out."""
    query = {name: address.given(name) for name in st.query_params}
    order = query.get("sort", "").replace(" ", "+")
    columns = tuple(name for name in query.get("columns", "").split(".") if name in COLUMNS)
    page = query.get("page", "")
    wanted = PayoutFilter.from_query(query)
    return Shown(
        wanted=wanted,
        order=order if order in ORDERS and order[:-1] in SORTS else USUAL_ORDER,
        columns=columns or usual(wanted.view),
        cursor=query.get("cursor") or None,
        page=int(page) if page.isascii() and page.isdigit() and query.get("cursor") else 1,
    )


def clear() -> None:
    """Take everything but the view out of the address."""
    address.put(**dict.fromkeys((*FILTERS, *PAGING, *LINKED, "view")))


def _first_page() -> None:
    address.put(cursor=None, page=None)


def view_switch(shown: Shown, counts: Mapping[str, int]) -> None:
    """Draw the views with their counts."""
    st.session_state["queue_view"] = shown.wanted.view
    st.segmented_control(
        "View",
        [view for view in VIEWS if view not in ON_DEMAND or shown.wanted.view == view],
        key="queue_view",
        required=True,
        label_visibility="collapsed",
        format_func=lambda view: (
            f"{VIEW_WORDS[view]} {counts[view]:,}" if view in counts else VIEW_WORDS[view]
        ),
        on_change=address.remember("queue_view", "view", default="open", then=_first_page),
    )


def filters(shown: Shown) -> None:
    """Draw search and filters, and in words what only the address asks for."""
    wanted = shown.wanted
    with desk.reading() as conn:
        programs = {program.code: program.name for program in all_programs(conn)}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state["queue_search"] = wanted.search
        st.text_input(
            "Search", key="queue_search", type="search", placeholder="Partner, code, payout", width=186,
            icon=":material/search:", label_visibility="collapsed",
            on_change=address.remember("queue_search", "search", then=_first_page),
        )  # fmt: skip
        _choice("status", "Any status", {code: STATUS[code].word for code in STATUSES}, wanted.status, 126)
        _choice("priority", "Any priority", PRIORITIES, wanted.priority, 126)
        _choice("method", "Any method", {code: method(code) for code in METHODS}, wanted.method, 138)
        _choice("program", "All programs", programs, wanted.program, 158)
        _choice("days", "Any time", {code: DAY_WORDS[code] for code in DAYS}, wanted.days, 138)

    if shown.linked:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/link: Only what is {', '.join(shown.linked)}.", width="content")
            st.button("Clear filters", type="tertiary", key="clear_linked", on_click=clear)


def _choice(name: str, nothing: str, words: Mapping[str, str], chosen: str | None, width: int) -> None:
    key = f"queue_{name}"
    st.session_state[key] = chosen if chosen in words else ""
    st.selectbox(
        nothing,
        ["", *words],
        key=key,
        width=width,
        label_visibility="collapsed",
        format_func=lambda code: words.get(code, nothing),
        on_change=address.remember(key, name, then=_first_page),
    )


def order_by_head(grid: str, order: str) -> None:
    """Order all that match, not only the page, by the column whose head was clicked; the callback of the grid of this key."""
    for column in st.session_state[grid]["selection"]["columns"]:
        orders = HEADS.get(column, ())
        if orders:
            address.put(sort=orders[-1] if order == orders[0] else orders[0], cursor=None, page=None)


def order_and_columns(shown: Shown) -> None:
    """Draw the choice of order and columns; in the header, since the grid's own tools cover what stands above its right end."""
    with st.popover("View", icon=":material/tune:", type="tertiary"):
        _more(shown)


def _more(shown: Shown) -> None:
    st.session_state["queue_sort"] = shown.order
    st.selectbox(
        "Order", list(ORDERS), key="queue_sort", format_func=lambda order: ORDERS[order].capitalize(),
        on_change=address.remember("queue_sort", "sort", default=USUAL_ORDER, then=_first_page),
    )  # fmt: skip
    st.session_state["queue_columns"] = list(shown.columns)
    st.pills(
        "Columns", list(COLUMNS), key="queue_columns", selection_mode="multi",
        format_func=lambda name: COLUMNS[name].label, on_change=_columns_chosen,
    )  # fmt: skip


def _columns_chosen() -> None:
    chosen = set(st.session_state["queue_columns"])
    names = ".".join(name for name in COLUMNS if name in chosen)
    begun_with = chosen in (set(), set(usual(address.given("view"))))
    address.put(columns=None if begun_with else names)


def csv_button(shown: Shown, *, now: datetime) -> None:
    """Draw the button that takes all that matches home, made when it is clicked."""

    def made(conn: Connection, actor: Actor) -> bytes:
        masked = taking_home.masked(actor)
        file = payouts_file(
            conn, shown.wanted, now=now, masked=masked, sort=shown.sort, descending=shown.descending
        )
        return b"".join(file)

    taking_home.button("CSV", made, file_name=f"payouts-{now:%Y-%m-%d}.csv")
