"""Charts of ages, waits and cohorts: pure functions, as those of `charts`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from pages.shared import charts
from pages.shared import format as fmt
from pages.shared.axes import major, short_money
from pages.shared.charts import Chart
from pages.shared.colours import LIGHT, Palette

COHORT_ROW = 30  # px
COHORT_HEAD = 60
BRIGHT = 0.5  # of the scale
DARK_INK = "#14202B"  # on the light theme's teal white would be too pale


def amounts_by_class(
    frame: pd.DataFrame,
    *,
    name: str,
    unit: str,
    currency: str,
    bar_colours: Sequence[str],
    colours: Palette,
    height: int,
) -> Chart:
    """Draw amounts (amount_minor) with their count by a class in words (column `name`), each bar in its colour.

    A debt is as long as it is large; its words have the minus.
    """
    words = [str(one) for one in frame[name]]
    amounts = [int(minor) for minor in frame["amount_minor"].tolist()]
    counts = [int(count) for count in frame["count"].tolist()]
    figure = charts.ranked_bars(
        words,
        [abs(major(minor, currency)) for minor in amounts],
        [f"{short_money(minor, currency)} · {count:,}" for minor, count in zip(amounts, counts, strict=True)],
        [getattr(colours, one) for one in bar_colours],
        colours=colours,
        height=height,
        right=96,
    )
    said = "; ".join(
        f"{word} {fmt.money(minor, currency)} in {fmt.count(count, unit)}"
        for word, minor, count in zip(words, amounts, counts, strict=True)
        if count
    )
    return Chart(figure, f"{said or 'Nothing'}.")


def counts_by_class(
    words: Sequence[str],
    counts: Sequence[int],
    *,
    unit: str,
    colour: str,
    colours: Palette,
    height: int = charts.HALF,
) -> Chart:
    """Draw how many fall in each class, from the top down, with their share."""
    everything = sum(counts) or 1
    figure = charts.ranked_bars(
        list(words),
        list(counts),
        [f"{count:,} · {count / everything:.0%}" for count in counts],
        [getattr(colours, colour)] * len(counts),
        colours=colours,
        height=height,
        right=84,
    )
    said = "; ".join(
        f"{word}: {fmt.count(count, unit)}" for word, count in zip(words, counts, strict=True) if count
    )
    return Chart(figure, f"{said or 'Nothing'}.")


def _bright(shares: list[list[float | None]]) -> bool:
    """Whether the cells of a dark theme are mostly bright, so that dark ink reads best on them."""
    known = [share for line in shares for share in line if share is not None]
    return min(known, default=1.0) >= BRIGHT


def cohorts(frame: pd.DataFrame, *, months: int, colours: Palette) -> Chart:
    """Draw who is left of each month's customers: a row a cohort, a column a month, the share in words in each cell."""
    rows = frame.to_dict("records")
    shares = [
        [
            None if pd.isna(row[f"left_{month}"]) else int(row[f"left_{month}"]) / int(row["customers"])
            for month in range(months)
        ]
        for row in rows
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=[f"{month}" for month in range(months)],
            y=[str(row["cohort"]) for row in rows],
            text=[["" if share is None else f"{share:.0%}" for share in line] for line in shares],
            texttemplate="%{text}",
            textfont={
                "size": 11.5,
                "color": DARK_INK if colours is LIGHT or _bright(shares) else colours.ink,
            },
            colorscale=[[0, colours.grid], [1, colours.teal]],
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{y}, after %{x} months: %{text}<extra></extra>",
        )
    )
    charts.styled(figure, colours, COHORT_HEAD + COHORT_ROW * len(rows))
    figure.update_layout(hovermode="closest", margin={"l": 0, "r": 4, "t": 24, "b": 0})
    figure.update_xaxes(side="top", type="category", showline=False)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, dtick=1)
    said = "; ".join(
        f"{row['cohort']}: {row['customers']} signed up, {kept:.0%} left after {fmt.count(len(line) - 1, 'month')}"
        for row, line in (
            (row, [share for share in line if share is not None])
            for row, line in zip(rows, shares, strict=True)
        )
        for kept in line[-1:]
    )
    return Chart(figure, f"{said or 'Nobody'}.")
