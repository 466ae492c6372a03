"""Charts of the desk: pure functions from a frame to a Plotly figure and the sentence that says it in words.

Title, unit, date and zone are the words of the card around a chart. Money arrives in minor units of one
currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from pages.shared import format as fmt
from pages.shared.axes import major, money_ticks, month, short_day, short_money
from pages.shared.colours import STATUS_COLOUR, Palette

SMALL, THIRD, HALF, LEAD = 168, 238, 252, 304  # heights, px
DATE_TICKS = 6


class Chart(NamedTuple):
    """A figure, and what it shows as one sentence for those who do not see it."""

    figure: go.Figure
    alt: str


def styled(figure: go.Figure, colours: Palette, height: int, *, legend: bool = False) -> go.Figure:
    """Give a figure the look of the desk: heights, ink, grid, no toolbar clutter."""
    ticks = {"size": 11.5, "color": colours.ink}
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 4, "t": 26 if legend else 6, "b": 0},
        hovermode="x unified",
        bargap=0.28,
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "title": None,
            "font": {"size": 12, "color": colours.ink},
        },
        xaxis={
            "showgrid": False,
            "showline": True,
            "linecolor": colours.grid,
            "ticks": "",
            "title": None,
            "tickfont": ticks,
            "fixedrange": True,
        },
        yaxis={
            "gridcolor": colours.grid,
            "zeroline": False,
            "nticks": 5,
            "title": None,
            "tickfont": ticks,
            "fixedrange": True,
        },
    )
    return figure


def _money_axis(figure: go.Figure, minors: Sequence[int], currency: str) -> None:
    values, texts = money_ticks(minors, currency)
    figure.update_yaxes(tickvals=values, ticktext=texts, range=[values[0], values[-1] * 1.02])


def _label_days(
    figure: go.Figure, days: Sequence[date], labels: Sequence[str], dates: int = DATE_TICKS
) -> None:
    every = max(1, ceil(len(days) / dates))
    figure.update_xaxes(
        type="category",
        tickmode="array",
        tickvals=[day.isoformat() for day in days][::every],
        ticktext=list(labels)[::every],
        tickangle=0,
    )


def _amounts(frame: pd.DataFrame, column: str) -> list[int]:
    return [int(value) for value in frame[column]]


def _days(frame: pd.DataFrame) -> list[date]:
    return [pd.Timestamp(day).date() for day in frame["day"]]


class Series(NamedTuple):
    """One series of a money chart: its column (minor units), its name, its colour; bar, line or dots."""

    column: str
    name: str
    colour: str
    mark: str = "bar"


def money_over_time(
    frame: pd.DataFrame,
    series: Sequence[Series],
    *,
    currency: str,
    colours: Palette,
    height: int = HALF,
    months: bool = False,
    dates: int = DATE_TICKS,
    stacked: bool = False,
) -> Chart:
    """Draw amounts by `day` (the first day of each bar); `series` name columns of minor units; at most so many `dates`
    are written under it. With `stacked` bars stand one on the other; none of them may be below zero.
    """
    days = _days(frame)
    labels = [month(day) if months else short_day(day) for day in days]
    x = [day.isoformat() for day in days]
    figure = go.Figure()
    seen: list[int] = []
    for one in series:
        amounts = _amounts(frame, one.column)
        seen += amounts
        drawn = {
            "x": x,
            "y": [major(amount, currency) for amount in amounts],
            "name": one.name,
            "customdata": [fmt.money(amount, currency) for amount in amounts],
            "hovertemplate": "%{customdata}",
        }
        colour = getattr(colours, one.colour)
        if one.mark == "bar":
            figure.add_bar(**drawn, marker={"color": colour, "line": {"width": 0}})
        else:
            dash = "dot" if one.mark == "dots" else "solid"
            figure.add_scatter(**drawn, mode="lines", line={"color": colour, "width": 2, "dash": dash})
    styled(figure, colours, height, legend=len(series) > 1)
    if stacked:
        figure.update_layout(barmode="stack")
        seen = [
            sum(amounts) for amounts in zip(*(_amounts(frame, one.column) for one in series), strict=True)
        ]
    _money_axis(figure, seen, currency)
    _label_days(figure, days, labels, dates)
    return Chart(figure, _over_time_in_words(frame, series, labels, currency))


def _over_time_in_words(
    frame: pd.DataFrame, series: Sequence[Series], labels: Sequence[str], currency: str
) -> str:
    if frame.empty:
        return "Nothing to draw."
    parts = []
    for one in series:
        amounts = _amounts(frame, one.column)
        top = max(range(len(amounts)), key=amounts.__getitem__)
        total = fmt.money(sum(amounts), currency)
        peak = fmt.money(amounts[top], currency)
        parts.append(f"{one.name} {total}, most at {labels[top]} with {peak}")
    return f"{labels[0]} to {labels[-1]}: " + "; ".join(parts) + "."


def ranked_bars(
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    bar_colours: Sequence[str],
    *,
    colours: Palette,
    height: int = HALF,
    right: int = 64,
) -> go.Figure:
    """Draw horizontal bars from the top down, each with its text at its end; names are unique."""
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=list(names),
            x=list(values),
            text=list(texts),
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 11.5, "color": colours.ink},
            marker={"color": list(bar_colours), "line": {"width": 0}},
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    styled(figure, colours, height)
    figure.update_layout(margin={"l": 0, "r": right, "t": 6, "b": 0}, hovermode="closest")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(autorange="reversed", dtick=1, showgrid=False, type="category")
    return figure


def status_bars(frame: pd.DataFrame, *, colours: Palette, height: int = HALF) -> Chart:
    """Draw how many payouts stand in each `status` (columns `status`, `count`), coloured as its badge."""
    statuses = [str(status) for status in frame["status"]]
    counts = [int(count) for count in frame["count"]]
    figure = ranked_bars(
        [status.capitalize() for status in statuses],
        counts,
        [f"{count:,}" for count in counts],
        [getattr(colours, STATUS_COLOUR[status]) for status in statuses],
        colours=colours,
        height=height,
        right=44,
    )
    words = ", ".join(f"{n:,} {status}" for status, n in zip(statuses, counts, strict=True))
    return Chart(figure, f"Payouts by status: {words}." if words else "No payout in this period.")


def top_bars(
    frame: pd.DataFrame, *, currency: str, colours: Palette, colour: str = "green", height: int = THIRD
) -> Chart:
    """Draw the first of a ranking (columns `name`, `amount_minor`, `share` of all, 0 to 1)."""
    names = [str(name) for name in frame["name"]]
    amounts = _amounts(frame, "amount_minor")
    shares = [float(share) for share in frame["share"]]
    texts = [
        f"{short_money(amount, currency)} · {share:.1%}"
        for amount, share in zip(amounts, shares, strict=True)
    ]
    figure = ranked_bars(
        names,
        [major(amount, currency) for amount in amounts],
        texts,
        [getattr(colours, colour)] * len(names),
        colours=colours,
        height=height,
        right=96,
    )
    words = "; ".join(
        f"{name} {fmt.money(amount, currency)}" for name, amount in zip(names, amounts, strict=True)
    )
    return Chart(figure, f"Most first: {words}." if words else "Nobody in this period.")


def balance_bars(
    names: Sequence[str],
    minors: Sequence[int],
    bar_colours: Sequence[str],
    *,
    currency: str,
    colours: Palette,
    height: int = THIRD,
) -> Chart:
    """Draw balances side by side, each in the colour it has everywhere (a field of the palette)."""
    figure = ranked_bars(
        [name.capitalize() for name in names],
        [major(minor, currency) for minor in minors],
        [short_money(minor, currency) for minor in minors],
        [getattr(colours, colour) for colour in bar_colours],
        colours=colours,
        height=height,
        right=60,
    )
    words = "; ".join(
        f"{name} {fmt.money(minor, currency)}" for name, minor in zip(names, minors, strict=True)
    )
    return Chart(figure, f"Now: {words}.")


def counts_over_time(
    frame: pd.DataFrame, series: Mapping[str, tuple[str, str]], *, colours: Palette, height: int = HALF
) -> Chart:
    """Draw how many by `day`, one bar on the other; `series`: a column's name in words and its colour."""
    days = _days(frame)
    labels = [short_day(day) for day in days]
    figure = go.Figure()
    words = []
    for column, (name, colour) in series.items():
        counts = [int(count) for count in frame[column].tolist()]
        figure.add_bar(
            x=[day.isoformat() for day in days],
            y=counts,
            name=name,
            marker={"color": getattr(colours, colour), "line": {"width": 0}},
        )
        words.append(f"{sum(counts):,} {name.lower()}")
    styled(figure, colours, height, legend=len(series) > 1)
    figure.update_layout(barmode="stack")
    _label_days(figure, days, labels)
    span = f"{labels[0]} to {labels[-1]}: " if labels else ""
    return Chart(figure, f"{span}{', '.join(words)}.")
