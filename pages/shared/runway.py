"""Is there cash: a few calm lines on the Overview, and the days behind them with the analytics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import streamlit as st

from core.reports.runway import Runway
from pages.shared import charts, status, tables
from pages.shared import format as fmt
from pages.shared.cells import number
from pages.shared.charts import Chart, Series
from pages.shared.colours import Palette
from pages.shared.lines import line, quiet

ANALYTICS = "pages/analytics.py"
SHOWN = 4


def lines(found: Sequence[Runway], today: date) -> None:
    """Draw one line per currency: what is there, and whether it lasts; it leads to the days."""
    if not found:
        st.caption("The provider’s balance is seen with the first reconciliation.")
        return
    with st.container(gap="xxsmall"):
        for one in sorted(found, key=lambda each: (each.short_on or date.max, each.currency))[:SHOWN]:
            line(
                f"{one.currency} · {there(one)}",
                badge(one, today),
                page=ANALYTICS,
                query={"view": "cash", "currency": one.currency},
            )


def there(one: Runway) -> str:
    """What is there now, in words."""
    return "no limit" if one.there_minor is None else fmt.money(one.there_minor, one.currency)


def badge(one: Runway, today: date) -> str:
    """Whether it lasts, as a badge; without a limit there is nothing to run out of."""
    if one.there_minor is None:
        return quiet("nothing to run out of")
    if one.short_on is None:
        return status.badge("on_time", "Lasts 30 days")
    when = "today" if one.short_on == today else fmt.day(one.short_on, today)
    return status.badge("late", f"Short {when}")


def sentence(one: Runway, today: date) -> str:
    """The one fact: until when it lasts, and how much is missing."""
    if one.there_minor is None:
        return "The provider sets no limit: nothing runs out."
    if one.short_on is None:
        left = number(one.days["left_minor"].iloc[-1])
        return f"Lasts {len(one.days)} days; {fmt.money(left, one.currency)} would be left."
    when = "today" if one.short_on == today else f"on {fmt.day(one.short_on, today)}"
    missing = fmt.money(one.short_minor, one.currency)
    fits = f" {one.fits:,} of the {fmt.count(one.due, 'payout')} that may leave today are covered, in the order they are sent."
    return f"{missing} short {when}." + (fits if one.due else "")


def days_chart(one: Runway, paint: Palette) -> Chart:
    """Draw what leaves each day as bars, and what is left as a line."""
    shown = one.days.assign(leaving_minor=one.days["approved_minor"] + one.days["pending_minor"])
    series = [
        Series("leaving_minor", "Approved or pending", "blue"),
        Series("releasing_minor", "Released", "amber"),
    ]
    if one.there_minor is not None:
        series.append(Series("left_minor", "Left", "teal", "line"))
    chart = charts.money_over_time(shown, series, currency=one.currency, colours=paint, height=charts.LEAD)
    chart.figure.update_layout(barmode="stack")
    return Chart(chart.figure, _in_words(one))


def _in_words(one: Runway) -> str:
    leaving = int(one.days[["approved_minor", "pending_minor", "releasing_minor"]].to_numpy().sum())
    words = f"{fmt.money(leaving, one.currency)} leaves within {len(one.days)} days"
    if one.there_minor is None:
        return f"{words}; the provider sets no limit."
    last = f"lasts, the first day it does not is {one.short_on:%d %b}" if one.short_on else "lasts"
    return f"{words}; {there(one)} is there and {last}."


def days_table(one: Runway) -> None:
    """Draw the days as numbers."""
    names = {
        "approved_minor": "Approved",
        "pending_minor": "Pending",
        "releasing_minor": "Released",
        "left_minor": "Left",
    }
    shown = pd.DataFrame({"day": [f"{day:%Y-%m-%d}" for day in one.days["day"]]})
    for column in names:
        shown[column] = [
            fmt.ABSENT if minor is None or minor is pd.NA else f"{fmt.money(int(minor), one.currency):>14}"
            for minor in one.days[column].tolist()
        ]
    st.dataframe(
        shown,
        hide_index=True,
        height=charts.LEAD,
        row_height=32,
        column_config={"day": st.column_config.TextColumn("Day", width=100)}
        | {column: tables.figures(label, width=130) for column, label in names.items()},
        alt="What leaves and what is left, per day.",
    )
