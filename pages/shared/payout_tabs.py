"""Everything else about one payout: items, customers, attempts, ledger, notes, audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access import Actor
from core.reads.payout import PayoutStory
from core.reports.control_page import control_file
from db.engine import Connection
from pages.shared import audit_rows, payout_notes, payout_reversal, tables, taking_home
from pages.shared.cells import instant, linked, linked_to
from pages.shared.format import ABSENT, day, moment, money, person, plain, story_moment, until
from pages.shared.status import badge
from pages.shared.tables import each

ITEM_WIDTHS = {
    "Source": 170,
    "Kind": 126,
    "Customer": 190,
    "Active": 92,
    "Earned": 124,
    "Gross": 146,
    "Earning": 146,
}
WHY = "why"
RIGHT = ("Active", "Gross", "Earning")
EVEN_EMPTY = frozenset({"Notes", "Audit"})  # what can be done there needs no row
FIELD = 120  # characters of one detail shown


def tabs(told: PayoutStory, customers: pd.DataFrame, zone: ZoneInfo, now: datetime) -> None:
    """Draw the tabs, each with how much is in it."""
    parts: list[tuple[str, pd.DataFrame, Callable[[], None]]] = [
        ("Items", told.items, lambda: _items(told, zone, now)),
        ("Customers", customers, lambda: _customers(customers, told.header.currency, zone, now)),
        ("Attempts", told.attempts, lambda: _attempts(told, zone, now)),
        ("Reversals", told.reversals, lambda: payout_reversal.rows(told.reversals, zone, now)),
        ("Ledger", told.ledger, lambda: _ledger(told, zone, now)),
        ("Holds", told.holds, lambda: _holds(told, zone, now)),
        ("Notes", told.notes, lambda: payout_notes.tab(told, zone, now)),
        ("Audit", told.audit, lambda: _audit(told, zone, now)),
    ]
    for tab, (name, rows, draw) in zip(
        st.tabs([f"{name} {len(rows)}" for name, rows, _ in parts]), parts, strict=True
    ):
        with tab:
            if rows.empty and name not in EVEN_EMPTY:
                st.caption(f"No {name.lower()}.")
            else:
                draw()


def _items(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    currency, today = told.header.currency, now.astimezone(zone).date()
    shown = pd.DataFrame(
        {
            "Source": row.source,
            "Kind": row.kind.replace("_", " "),
            "Customer": _or_dash(row.customer, row.customer_ref),
            "Active": f"{row.days_active} d" if pd.notna(row.days_active) else ABSENT,
            "Earned": day(row.occurred_at.astimezone(zone).date(), today),
            "Gross": money(int(row.gross_minor), currency) if row.gross_minor else ABSENT,
            "Earning": money(int(row.amount_minor), currency),
            WHY: f"/earning?id={row.earning_id}",
        }
        for row in each(told.items)
    )
    st.dataframe(
        shown,
        height="content" if len(shown) <= 50 else 600,  # noqa: PLR2004 - rows of a page
        row_height=30,
        hide_index=True,
        column_config={
            name: tables.figures(name, width=width)
            if name in RIGHT
            else st.column_config.TextColumn(width=width)
            for name, width in ITEM_WIDTHS.items()
        }
        | {WHY: st.column_config.LinkColumn("", display_text="Why?", width=60)},
    )


def _or_dash(*values: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    return next((str(value) for value in values if pd.notna(value)), ABSENT)


def _customers(customers: pd.DataFrame, currency: str, zone: ZoneInfo, now: datetime) -> None:
    today = now.astimezone(zone).date()
    tables.rows(
        [
            (
                linked_to("customer", _or_dash(row.name, row.ref), id=str(row.id)),
                day(row.signed_up_at.astimezone(zone).date(), today),
                day(row.cancelled_at.astimezone(zone).date(), today)
                if pd.notna(row.cancelled_at)
                else "active",
                f"{row.days_active:,}",
                f"{row.earnings:,}",
                money(int(row.amount_minor), currency),
            )
            for row in each(customers)
        ],
        ["Customer", "Signed up", "Cancelled", "Days active", "Earnings", "Earned in all"],
        right=["Days active", "Earnings", "Earned in all"],
    )


def _attempts(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    st.caption(f"Each with its own key, never sent twice.{_following(told, zone, now)}")
    tables.rows(
        [
            (
                str(row.n),
                story_moment(row.started_at, zone, now),
                badge(row.state),
                plain(_or_dash(row.message, row.code)),
                plain(_or_dash(row.error_class)),
                linked(str(row.provider_ref), told.transfer_address)
                if pd.notna(row.provider_ref)
                else ABSENT,
                plain(_or_dash(row.request_id)),
            )
            for row in each(told.attempts.sort_values("n", ascending=False))
        ],
        ["No.", "Sent", "Outcome", "Provider says", "Class", "Reference", "Request id"],
    )
    if not told.calls.empty:
        _calls(told, zone, now)


def _following(told: PayoutStory, zone: ZoneInfo, now: datetime) -> str:
    """When it is tried or asked for again by itself."""
    header = told.header
    if header.status == "retrying" and header.retry_at is not None:
        return f" Tried again {moment(header.retry_at, zone, now)}, {until(header.retry_at, now)}."
    open_ones = told.attempts[told.attempts["state"] == "unknown"]
    look = None if open_ones.empty else instant(open_ones["next_look_at"].iloc[-1])
    return f" Asked for again {moment(look, zone, now)}, {until(look, now)}." if look else ""


def _calls(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    st.caption("Every call to the provider")
    tables.rows(
        [
            (
                str(row.n),
                story_moment(row.at, zone, now),
                plain(row.what),
                plain(_or_dash(row.outcome)),
                plain(_or_dash(row.message, row.code)),
                f"{int(row.duration_ms):,} ms" if pd.notna(row.duration_ms) else ABSENT,
                plain(_or_dash(row.request_id)),
            )
            for row in each(told.calls)
        ],
        ["No.", "When", "Call", "Outcome", "Provider says", "Took", "Request id"],
        right=["Took"],
    )


def _ledger(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    tables.rows(
        [
            (
                story_moment(row.at, zone, now),
                row.kind,
                f"{row.from_account} → {row.to_account}",
                money(int(row.amount_minor), row.currency),
            )
            for row in each(told.ledger)
        ],
        ["When", "Movement", "From and to", "Amount"],
        right=["Amount"],
    )


def _holds(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    tables.rows(
        [
            (
                story_moment(row.opened_at, zone, now),
                f"{row.reason.replace('_', ' ')}, on the {row.held_thing}",
                plain(person(row.made_by)) + (f": {plain(row.note)}" if row.note else ""),
                "in force" if row.in_force else "ended",
            )
            for row in each(told.holds)
        ],
        ["Since", "Hold", "By", "Now"],
    )


def _audit(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(
            "All of it in one file for an auditor, with the proofs that it hangs together.", width="content"
        )
        taking_home.button(
            "Control record", partial(_control_record, told.header.id, now), key="control-record",
            file_name=f"control-record-{told.header.id}.html", mime="text/html",
        )  # fmt: skip
    if told.audit.empty:
        st.caption("No act of a person yet; what jobs did is in the story.")
        return
    tables.rows(
        [
            (
                str(row.seq),
                story_moment(row.at, zone, now),
                plain(person(row.actor)),
                row.channel,
                plain(row.action),
                plain(audit_rows.details(row.details, zone, now)),
            )
            for row in each(told.audit)
        ],
        ["No.", "When", "Who", "By", "Act", "Details"],
    )


def _control_record(payout_id: int, now: datetime, conn: Connection, actor: Actor) -> bytes:
    return control_file(conn, payout_id, now=now, masked=taking_home.masked(actor))
