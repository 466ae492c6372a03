"""The live cards above the queue: counts and amounts by status, refreshed by themselves and apart from the grid."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.reads.payouts import counters
from pages.shared import desk
from pages.shared.faults import live
from pages.shared.format import ABSENT, count, money, totals
from pages.shared.tables import each

REFRESH_S = 5
MANY = 3  # currencies
CARDS = {"pending": "Pending", "approved": "Approved", "processing": "Processing", "paid_today": "Paid today"}


@live(REFRESH_S)
def cards() -> None:
    """Draw the four cards; the largest currency is the figure, the others stand below it."""
    with desk.reading() as conn:
        found = counters(conn, now=desk.now()).cards
    # An amount is never cut off: three currencies need cards wide enough for the third.
    grid = st.grid(4, min_column_width=150 if found["currency"].nunique() < MANY else 220)
    for name, label in CARDS.items():
        _card(grid, label, found[found["card"] == name].sort_values("count", ascending=False))


def _card(grid: DeltaGenerator, label: str, rows: pd.DataFrame) -> None:
    counted = f"{label}, {count(int(rows['count'].sum()), 'payout')}"
    if not rows["count"].sum():
        grid.metric(counted, ABSENT, border=True, height="stretch", delta_description="nothing now")
        return
    main, rest = rows.iloc[0], rows.iloc[1:]
    others = totals({row.currency: int(row.net_minor) for row in each(rest)})
    grid.metric(
        counted,
        money(int(main["net_minor"]), main["currency"]),
        border=True,
        height="stretch",
        delta_description=f"and {others}, net" if len(rest) else "net",
    )
