"""What each program of a currency paid, step by step: as a chart, a table and a file."""

from __future__ import annotations

from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from core.reports.period import Period
from pages.shared import analytics_cards, charts, colours, tables
from pages.shared import format as fmt
from pages.shared.analytics_frame import Scope, card

# Program by program, most paid first; what comes behind them is drawn as one.
HUES = ("blue", "teal", "violet", "amber", "green", "orange")
REST = "Others"
MONTHS_NAMED = 15
TOTAL = "Total"


def draw(found: pd.DataFrame, shown: Scope) -> None:
    """Draw the card of all programs of a currency, those most paid first."""
    sums = found.groupby("program_name")["paid_minor"].sum().sort_values(ascending=False, kind="stable")
    names = [str(name) for name, minor in sums.items() if minor]
    paid = found[found["program_name"].isin(names)].reset_index(drop=True)
    card(
        st.grid(1),
        "programs",
        "Paid by program",
        f"gross, per {shown.step}, by the day paid",
        figure=partial(_chart, paid, names, shown.currency, shown.paint, shown.step),
        table=partial(_table, paid, names, shown.currency, shown.step),
        numbers=found if names else found.head(0),
        below=cut_steps(shown.period, shown.step) if names else "",
    )


def _wide(paid: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row per step, one column of minor units per program."""
    wide = paid.pivot_table(index="day", columns="program_name", values="paid_minor", aggfunc="sum")
    return wide[names].sort_index()


def _chart(
    paid: pd.DataFrame, names: list[str], currency: str, paint: colours.Palette, step: str
) -> charts.Chart:
    wide = _wide(paid, names)
    drawn, rest = names, names[len(HUES) :]
    if rest:
        drawn = names[: len(HUES)]
        wide[REST] = wide[rest].sum(axis=1)
    series = [charts.Series(name, name, hue) for name, hue in zip(drawn, HUES, strict=False)]
    if rest:
        series.append(charts.Series(REST, REST, "gray"))
    return charts.money_over_time(
        wide.reset_index(),
        series,
        currency=currency,
        colours=paint,
        months=step == "month",
        dates=MONTHS_NAMED if step == "month" else charts.DATE_TICKS,
        stacked=True,
    )


def _table(paid: pd.DataFrame, names: list[str], currency: str, step: str) -> None:
    wide = _wide(paid, names)
    wide[TOTAL] = wide[names].sum(axis=1)
    columns = [TOTAL, *names]

    def money(row: pd.Series) -> list[str]:
        return [f"{fmt.money(int(row[column]), currency):>14}" for column in columns]

    records = [[analytics_cards.step_name(day, step), *money(row)] for day, row in wide.iloc[::-1].iterrows()]
    records.append(["In all", *money(wide.sum())])
    shown = pd.DataFrame(records, columns=["day", *columns])
    st.dataframe(
        shown,
        hide_index=True,
        height=charts.HALF,
        row_height=32,
        column_config={"day": st.column_config.TextColumn(analytics_cards.STEP_HEADS[step], width=84)}
        | {column: tables.figures(column, width=130) for column in columns},
        alt=f"Paid by program per {step}.",
    )


def cut_steps(period: Period, step: str) -> str:
    """Say which months or weeks the period cuts; empty where it cuts none."""
    if step == "day":
        return ""
    following = date.fromordinal(period.until.toordinal() + 1)
    month = step == "month"
    begins = period.since.day == 1 if month else period.since.isoweekday() == 1
    ends = following.day == 1 if month else following.isoweekday() == 1
    said = [] if begins else [f"the first {step} begins on {_day(period.since)}"]
    if not ends:
        said.append(f"the last {step} ends on {_day(period.until)}")
    if not said:
        return ""
    return f"The period cuts it: {' and '.join(said)}."


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"
