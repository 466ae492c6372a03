"""The partners whom the last queue run passed over, each reason leading to a list of them."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core.reads.not_paid import counted_words, not_paid
from pages.shared import elements, frame
from pages.shared import format as fmt
from pages.shared.lines import line

SHOWN = 4
ICONS = {
    "below_minimum": "low_priority",
    "on_hold": "lock",
    "cap_reached": "vertical_align_top",
    "no_destination": "person_alert",
    "partner_suspended": "block",
    "fee_exceeds_amount": "payments",
    "nothing_available": "hourglass_empty",
}


def lines(now: datetime) -> None:
    """Draw how many partners got nothing in the last run, and why."""
    with frame.reading() as conn:
        last = not_paid(conn, now=now)
    note = f"last run, {fmt.moment(last.at, frame.zone(), now)}" if last else "last run"
    st.markdown(elements.title("Not paid", note))
    if last is None:
        st.caption("No queue run yet. The first one says here whom it passed over.")
        return
    if not last.count:
        st.caption("Everybody who was due got a payout.")
        return
    with st.container(gap="xxsmall"):
        for reason, count in list(last.by_reason.items())[:SHOWN]:
            line(
                f"{count:,} {counted_words(reason)}",
                page="pages/partners.py",
                icon=ICONS.get(reason, "block"),
                query={"why": reason, "run": str(last.run_id)},
            )
        if more := sum(list(last.by_reason.values())[SHOWN:]):
            st.caption(f"and {more:,} for other reasons")
