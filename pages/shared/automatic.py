"""What policies approved by themselves today, as Overview and the queue show it."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core.reads.automatic import PolicyDay, approved_by_policy_today
from pages.shared import format as fmt
from pages.shared import frame
from pages.shared.lines import line, quiet

QUEUE = "pages/queue.py"


def lines(now: datetime) -> None:
    """Draw a line for each program whose policy approves by itself; without any, nothing."""
    with frame.reading() as conn:
        days = approved_by_policy_today(conn, now=now)
    if not days:
        return
    st.caption("Approved by the policy today")
    for day in days:
        words = f"{fmt.plain(day.program_name)}: {_counted(day)}"
        line(
            words,
            quiet(_used(day)),
            page=QUEUE,
            icon="policy",
            query={"program": day.program, "view": "all", "days": "24h"},
        )


def note(now: datetime) -> None:
    """Draw the same as one line of small print above the queue."""
    with frame.reading() as conn:
        days = approved_by_policy_today(conn, now=now)
    if days:
        told = "; ".join(f"{fmt.plain(day.program_name)} {_counted(day)}, {_used(day)}" for day in days)
        st.caption(f":material/policy: Approved by the policy today: {told}")


def _counted(day: PolicyDay) -> str:
    left = f", {day.left:,} left to a person" if day.left else ""
    return f"{fmt.count(day.count, 'payout')}{left}"


def _used(day: PolicyDay) -> str:
    return f"{fmt.money(day.amount_minor, day.currency)} of {fmt.money(day.per_day_minor, day.currency)}"
