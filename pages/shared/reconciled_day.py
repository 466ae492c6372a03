"""One day of the reconciliation: what both books hold of it, and every payout that makes our side."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from core.reads.reconciliation import payouts_of_day
from pages.shared import address, elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.lines import card_text


def given(today: date) -> date | None:
    """The day of the address; None when there is none, or it is no day or one to come."""
    try:
        day = date.fromisoformat(address.given("day"))
    except ValueError:
        return None
    return day if day <= today else None


def draw(day: date, provider: str, name: str, now: datetime, zone: ZoneInfo) -> None:
    """Draw the payouts that the provider took that day."""
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        found = payouts_of_day(conn, provider, day, masked=masked)
    frame.header(
        f"Reconciliation, {fmt.day(day, now.date())}",
        f"What makes our side of that day with {name}?",
        tools=_back,
    )
    if found.empty:
        elements.empty("Nothing was sent that day", "Days are counted in UTC here.", "event_busy")
        return
    total = number(found["of"].iloc[0])
    with st.container(border=True, gap="small"):
        note = f"{fmt.count(total, 'payout')}, as they were sent; the day in UTC, times in {zone.key}"
        st.markdown(elements.title("Payouts and their transfers", note))
        records = [
            (
                linked_to("payout", str(number(row.payout_id)), id=str(number(row.payout_id))),
                fmt.plain(card_text(row.partner_name) or str(row.partner_code)),
                fmt.money(number(row.net_minor), str(row.currency)),
                status.badge(str(row.status)),
                fmt.moment(instant(row.first_sent_at), zone, now),
                fmt.plain(card_text(row.provider_ref)),
            )
            for row in tables.each(found)
        ]
        tables.rows(records, ["Payout", "Partner", "Net", "Status", "Sent", "Transfer"], right=["Net"])
        if total > len(found):
            st.caption(
                f"and {fmt.count(total - len(found), 'more', 'more')}, sent later; Month end has the file of all"
            )


def _back() -> None:
    st.button(
        "All days", icon=":material/arrow_back:", type="tertiary", on_click=address.put,
        kwargs={"day": None, "days": "shown"},
    )  # fmt: skip
