"""The payout queue: what may leave, what may not yet, and the decisions on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.guards import blocking_reasons
from core.reads.payouts import PAGE_ROWS, PayoutPage, counters, list_payouts, totals
from core.reads.views import blocked_among
from pages.shared import address, automatic, elements, following, frame, queue_bar, queue_cards, queue_filters
from pages.shared.format import count
from pages.shared.format import totals as in_words
from pages.shared.payout_actions import Seen
from pages.shared.queue_columns import GUARDED, Sight, cells, configs, grid_key, guarded, marked, partner
from pages.shared.queue_filters import Shown
from pages.shared.tables import CLICKS, each

ROW_HEIGHT_PX = 32


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    masked = not person.may("see personal data")
    shown = queue_filters.from_address()
    frame.header(
        "Payout queue",
        "Which payouts may leave, and which may not yet?",
        at=now,
        tools=lambda: _tools(shown, now),
    )
    with frame.reading() as conn:
        views = counters(conn, now=now).views
    queue_filters.view_switch(shown, views)
    queue_cards.cards()
    automatic.note(now)
    queue_filters.filters(shown)
    with frame.reading() as conn:
        sums = totals(conn, shown.wanted, now=now, masked=masked)
        listed = list_payouts(
            conn,
            shown.wanted,
            now=now,
            masked=masked,
            sort=shown.sort,
            descending=shown.descending,
            cursor=shown.cursor,
        )
        rows = listed.frame
        ids = [int(one) for one in rows["id"]]
        if GUARDED & set(shown.columns):
            rows = guarded(rows, blocking_reasons(conn, ids, now=now))
        rows = marked(rows, blocked_among(conn, ids, now=now))
    matching = int(sums["count"].sum())
    if rows.empty:
        _nothing(shown)
        return
    following.remember(shown.wanted, listed, sort=shown.sort, descending=shown.descending)
    seen = _grid(rows, shown, now, ticks=person.may("steer payouts"))
    _pages(listed, shown, matching, sums)
    queue_bar.bar(seen, shown.wanted, matching, person)


def _tools(shown: Shown, now: datetime) -> None:
    queue_filters.order_and_columns(shown)
    queue_filters.csv_button(shown, now=now)


def _grid(listed: pd.DataFrame, shown: Shown, now: datetime, *, ticks: bool) -> list[Seen]:
    """Draw the rows and return those ticked; a click on a cell opens the payout, on its partner the partner, and on the head
    of a column orders by it.

    Who may decide nothing has no ticks.
    """
    names, key = list(shown.columns), grid_key(listed, shown.order)
    event: Any = st.dataframe(
        cells(listed, names, Sight(now=now, zone=frame.zone())),
        key=key,
        height="content",
        row_height=ROW_HEIGHT_PX,
        hide_index=True,
        column_config=configs(names),
        on_select=partial(queue_filters.order_by_head, key, shown.order),
        selection_mode=["multi-row", *CLICKS] if ticks else CLICKS,
    )
    for place, column in event.selection.cells:
        row = listed.iloc[place]
        if column == "partner":
            st.switch_page("pages/partner.py", query_params={"code": row["partner_code"]})
        st.switch_page("pages/payout.py", query_params={"id": str(row["id"])})
    return _seen(listed, event.selection.rows)


def _seen(listed: pd.DataFrame, places: Sequence[int]) -> list[Seen]:
    return [
        Seen(
            id=int(row.id),
            version=int(row.version),
            partner=partner(row),
            status=row.status,
            currency=row.currency,
            amount_minor=int(row.amount_minor),
            fee_minor=int(row.fee_minor),
            net_minor=int(row.net_minor),
            approvals_missing=int(row.approvals_missing),
        )
        for row in each(listed.iloc[list(places)])
    ]


def _pages(listed: PayoutPage, shown: Shown, matching: int, sums: pd.DataFrame) -> None:
    first = (shown.page - 1) * PAGE_ROWS + 1
    net = in_words({row.currency: int(row.net_minor) for row in each(sums)})
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(
            f"{first:,}–{first + len(listed.frame) - 1:,} of {matching:,}, {shown.order_words}. {net} net.",
            width="content",
        )
        with st.container(horizontal=True, width="content"):
            if listed.previous and shown.page > 1:
                st.button(
                    "Previous", icon=":material/chevron_left:", type="tertiary", key="page_before",
                    on_click=address.put, kwargs={"cursor": listed.previous, "page": shown.page - 1},
                )  # fmt: skip
            if listed.next:
                st.button(
                    "Next", icon=":material/chevron_right:", icon_position="right", type="tertiary", key="page_after",
                    on_click=address.put, kwargs={"cursor": listed.next, "page": shown.page + 1},
                )  # fmt: skip


def _nothing(shown: Shown) -> None:
    if shown.narrowed:
        with elements.empty("No payout matches", f"You asked for {shown.words}.", "filter_alt_off"):
            st.button("Clear filters", on_click=queue_filters.clear)
            if shown.wanted.search:
                st.page_link(
                    "pages/partners.py",
                    label="Look among the partners",
                    icon=":material/groups:",
                    query_params={"search": shown.wanted.search},
                )
    elif shown.wanted.view in ("open", "all"):
        caption = (
            "Payouts are queued from released earnings by each program's schedule, or asked for by a partner."
        )
        with elements.empty("Nothing is queued", caption, "task_alt"):
            st.page_link("pages/partners.py", label="Look at the balances", icon=":material/groups:")
    else:
        with elements.empty("Nothing here", f"{count(0, 'payout')} in this view now.", "task_alt"):
            st.button("Show all that is open", on_click=queue_filters.clear)


page()
