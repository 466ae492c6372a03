"""Is there cash: the days behind the lines of the Overview."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.reports.runway import DEFINITION, Runway, runway
from pages.shared import analytics_frame, elements, frame
from pages.shared import format as fmt
from pages.shared import runway as cash
from pages.shared.analytics_frame import Scope, card


def view(shown: Scope) -> None:
    """Draw the cash of the currency, across programs: they are paid from one account."""
    with frame.reading() as conn:
        found = runway(conn, frame.settings().provider, now=shown.now)
    one = next((each for each in found if each.currency == shown.currency), None)
    if one is None:
        elements.empty(
            "Not seen yet",
            f"No reconciliation has seen a balance in {shown.currency}; the next one does.",
            "account_balance",
        )
        return
    _figures(one, shown)
    card(
        st.grid(1),
        "runway",
        "What leaves, and what is left",
        f"{one.currency}, all programs; {cash.sentence(one, shown.now.date())}",
        figure=partial(cash.days_chart, one, shown.paint),
        table=partial(cash.days_table, one),
        numbers=one.days,
    )
    analytics_frame.definitions({"Cash": DEFINITION}, "UTC")


def _figures(one: Runway, shown: Scope) -> None:
    today = shown.now.date()
    grid = st.grid(4, min_column_width=220)
    seen = f"seen {fmt.moment(one.seen_at, frame.zone(), shown.now)}"
    sent = f", {fmt.money(one.sent_since_minor, one.currency)} sent since" if one.sent_since_minor else ""
    _figure(grid, f"There now, {one.currency}", cash.there(one), seen + sent)
    first = one.days.iloc[0]
    leaving = int(one.days["approved_minor"].sum())
    _figure(grid, "Approved or under way", fmt.money(leaving, one.currency), "net, on the day it may leave")
    _figure(
        grid,
        "Pending",
        fmt.money(int(first["pending_minor"]), one.currency),
        "net, if all were approved today",
    )
    lasts = (
        "no limit"
        if one.there_minor is None
        else "30 days"
        if one.short_on is None
        else ("not today" if one.short_on == today else f"until {fmt.day(one.short_on, today)}")
    )
    _figure(grid, "Lasts", lasts, f"{fmt.money(one.available_minor, one.currency)} more may be asked for")


def _figure(grid: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    grid.metric(label, value, delta=None, delta_description=note, border=True, height="stretch")
