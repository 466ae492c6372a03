"""Putting a chart on the page: the figure, or its numbers one click away."""

from __future__ import annotations

import streamlit as st

from pages.shared import address
from pages.shared.charts import Chart

VIEWS = {"chart": ":material/bar_chart:", "table": ":material/table_rows:"}


def draw(chart: Chart, *, key: str) -> None:
    """Draw a chart in the theme of the browser, with its sentence for those who do not see it."""
    st.plotly_chart(
        chart.figure, theme="streamlit", config={"displayModeBar": False}, alt=chart.alt, key=f"chart-{key}"
    )


def view_switch(name: str) -> None:
    """Draw the switch between a chart and its table; the choice stands in the address."""
    key = f"view-{name}"
    st.segmented_control(
        "View",
        list(VIEWS),
        default=view_of(name),
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        key=key,
        on_change=address.remember(key, name, default="chart"),
    )


def view_of(name: str) -> str:
    """Return what a card shows: `chart` or `table`."""
    return address.one_of(name, VIEWS, "chart")
