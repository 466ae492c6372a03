"""The live cards above the queue: counts and amounts by status, refreshed by themselves and apart from the grid."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.reads.payouts import counters
from pages.shared import desk
from pages.shared.format import count, money, totals
from pages.shared.tables import each

REFRESH_S = 5
CARDS = {"pending": "Pending", "approved": "Approved", "processing": "Processing", "paid_today": "Paid today"}


@st.fragment(run_every=REFRESH_S)
def cards() -> None:
    """Draw the four cards; the largest currency is the figure, the others stand below it."""
    with desk.reading() as conn:
        found = counters(conn, now=desk.now()).cards
    grid = st.grid(4, min_column_width=150)
    for name, label in CARDS.items():
        _card(grid, label, found[found["card"] == name].sort_values("count", ascending=False))


def _card(grid: st.delta_generator.DeltaGenerator, label: str, rows: pd.DataFrame) -> None:
    counted = count(int(rows["count"].sum()), "payout")
    if rows.empty or not rows["count"].sum():
        grid.metric(f"{label}, net", "—", border=True, height="stretch", delta_description=counted)
        return
    main, rest = rows.iloc[0], rows.iloc[1:]
    others = totals({row.currency: int(row.net_minor) for row in each(rest)})
    grid.metric(
        f"{label}, net",
        money(int(main["net_minor"]), main["currency"]),
        border=True,
        height="stretch",
        delta_description=f"{counted}, also {others}" if len(rest) else counted,
    )
