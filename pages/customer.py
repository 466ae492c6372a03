"""One customer's whole history: who referred them, what they brought, and where that money is."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.customer import EARNINGS_SHOWN, CustomerHistory, UnknownCustomer, customer_story
from core.reads.words import EARNING_WORDS
from pages.shared import address, elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import amount, day, instant, linked_to, number
from pages.shared.lines import card_text


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    story = _read(now)
    if story is None:
        frame.header("Customer", "Whose history is this?")
        elements.empty("No such customer", "The number in the address names nobody.", "person_off")
        return
    header = story.header
    called = fmt.plain(header.name or header.ref)
    frame.header(called, f"Customer {fmt.plain(header.ref)} of {fmt.plain(header.program)}", at=now)
    grid = st.grid(4, min_column_width=220)
    state = "Active" if header.cancelled_at is None else "Cancelled"
    signed_up = day(header.signed_up_at, zone, now)
    _figure(grid, "Signed up", signed_up, fmt.moment(header.signed_up_at, zone, now))
    _figure(
        grid,
        state,
        fmt.count(header.days_active, "day"),
        "whole days of 24 hours since signing up"
        if header.cancelled_at is None
        else f"until {fmt.moment(header.cancelled_at, zone, now)}",
    )
    _figure(
        grid,
        "Earned their partner",
        fmt.money(header.earned_minor, header.currency),
        fmt.count(header.earnings, "earning"),
    )
    with elements.card(grid, "Referred by"):
        st.page_link(
            "pages/partner.py",
            label=fmt.plain(header.partner_name or header.partner_code),
            query_params={"code": header.partner_code},
            icon=":material/person:",
        )
    _earnings(story, zone, now)
    if len(story.changes):
        _changes(story.changes, zone, now)


def _read(now: datetime) -> CustomerHistory | None:
    customer_id = address.given_id("id")
    masked = not frame.person().may("see personal data")
    if customer_id is None:
        return None
    try:
        with frame.reading() as conn:
            return customer_story(conn, customer_id, now=now, masked=masked)
    except UnknownCustomer:
        return None


def _figure(grid: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    grid.metric(label, value, delta=None, delta_description=note, border=True, height="stretch")


def _earnings(story: CustomerHistory, zone: ZoneInfo, now: datetime) -> None:
    header = story.header
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("What they brought", f"newest first, days in {zone.key}"))
        st.caption(fmt.plain(story.rule))
        if story.earnings.empty:
            return
        records = [
            (
                day(instant(row.occurred_at), zone, now),
                linked_to("earning", EARNING_WORDS[str(row.kind)][0].capitalize(), id=str(row.id)),
                fmt.plain(" ".join(filter(None, (card_text(row.source_ref), card_text(row.period))))),
                amount(row.amount_minor, header.currency, sign=True),
                _where(row, zone, now),
            )
            for row in story.earnings.itertuples(name="Earning")
        ]
        columns = ["Day", "Earning", "Reference", "Amount", "Where it is"]
        tables.rows(records, columns, right=["Amount"])
        if header.earnings > EARNINGS_SHOWN:
            st.caption(f"{EARNINGS_SHOWN} of {fmt.count(header.earnings, 'earning')}")


def _where(row: Any, zone: ZoneInfo, now: datetime) -> str:  # noqa: ANN401 - a row of a frame
    if card_text(row.payout_id):
        payout = linked_to("payout", f"Payout {number(row.payout_id)}", id=str(number(row.payout_id)))
        return f"{payout} {status.badge(str(row.status))}"
    until = f" until {day(instant(row.release_at), zone, now)}" if row.state == "held" else ""
    return status.badge(str(row.state)) + until


def _changes(changes: pd.DataFrame, zone: ZoneInfo, now: datetime) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("What was changed"))
        records = [
            (
                fmt.moment(instant(row.at), zone, now),
                str(row.field).replace("_", " "),
                fmt.plain(card_text(row.old_value) or fmt.ABSENT),
                fmt.plain(card_text(row.new_value) or fmt.ABSENT),
                fmt.plain(fmt.person(str(row.made_by))),
            )
            for row in changes.itertuples(name="Change")
        ]
        tables.rows(records, ["When", "Field", "Before", "After", "By"])


page()
