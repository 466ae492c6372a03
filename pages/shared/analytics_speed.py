"""How well and how fast payouts are paid."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.reports.speed import DEFINITIONS, Speed, Wait, speed
from pages.shared import analytics_frame, charts, charts_ages, frame, status, tables
from pages.shared import format as fmt
from pages.shared.analytics_frame import Scope, card
from pages.shared.cells import number

HOUR, DAY = 3_600, 86_400
REASONS_SHOWN = 8


def view(shown: Scope) -> None:
    """Draw the figures, the reasons and both waits."""
    with frame.reading() as conn:
        found = speed(conn, shown.period, currency=shown.currency)
    _figures(found)
    grid = st.grid(2, min_column_width=400)
    reasons = found.reasons
    card(
        grid,
        "reasons",
        "Why the provider refused",
        "tries and payouts that failed for good",
        figure=partial(_reasons_chart, reasons, shown),
        table=partial(_reasons_table, reasons, shown.currency),
        numbers=reasons,
        empty="Nothing was refused in this period.",
    )
    ended = found.over_time
    card(
        grid,
        "ended",
        "Paid and failed",
        "payouts, per day of that",
        figure=partial(
            charts.counts_over_time,
            ended,
            {"paid": ("Paid", "green"), "failed": ("Failed", "red")},
            colours=shown.paint,
        ),
        table=partial(_ended_table, ended),
        numbers=ended,
        empty="Nothing was paid in this period.",
    )
    _wait(
        grid,
        shown,
        "earned",
        title="From earning to payment",
        note="per earning",
        wait=found.earned,
        unit="earning",
        colour="teal",
    )
    _wait(
        grid,
        shown,
        "approved",
        title="From approval to payment",
        note="per payout",
        wait=found.approved,
        unit="payout",
        colour="violet",
    )
    names = {
        "success": "Success",
        "reasons": "Reasons",
        "earned": "From earning to payment",
        "approved": "From approval to payment",
    }
    analytics_frame.definitions({names[key]: words for key, words in DEFINITIONS.items()}, shown.period.zone)


def _figures(found: Speed) -> None:
    this, before = found.success.to_dict("records")
    grid = st.grid(4, min_column_width=220)
    rates = [_rate(number(row["paid"]), number(row["failed"])) for row in (this, before)]
    _figure(grid, "Success", _percent(rates[0]), f"was {_percent(rates[1])}", DEFINITIONS["success"])
    failed = number(this["failed"])
    _figure(
        grid,
        "Failed for good",
        fmt.count(failed, "payout"),
        f"was {number(before['failed']):,}",
        DEFINITIONS["success"],
    )
    for label, now, was, key in (
        ("Earned to paid, average", found.earned, found.earned_before, "earned"),
        ("Approved to paid, average", found.approved, found.approved_before, "approved"),
    ):
        _figure(grid, label, length(now.average_s), f"was {length(was.average_s)}", DEFINITIONS[key])


def _figure(grid: DeltaGenerator, label: str, value: str, note: str, help_text: str) -> None:
    grid.metric(
        label, value, delta=None, delta_description=note, border=True, height="stretch", help=help_text
    )


def _rate(paid: int, failed: int) -> float | None:
    return paid / (paid + failed) if paid + failed else None


def _percent(rate: float | None) -> str:
    return fmt.ABSENT if rate is None else f"{rate:.1%}"


def length(seconds: float | None) -> str:
    """Return an average wait in words: `41 s`, `3.5 h`, `2.1 days`; none is a dash."""
    if seconds is None:
        return fmt.ABSENT
    if seconds < HOUR:
        return fmt.span(timedelta(seconds=seconds))
    return f"{seconds / DAY:.1f} days" if seconds >= DAY else f"{seconds / HOUR:.1f} h"


def _reason(code: object) -> str:
    return status.look(str(code)).word


def _reasons_chart(reasons: pd.DataFrame, shown: Scope) -> charts.Chart:
    first = reasons.head(REASONS_SHOWN)
    return charts_ages.counts_by_class(
        [_reason(code) for code in first["code"]],
        [int(n) for n in first["refusals"].tolist()],
        unit="refusal",
        colour="orange",
        colours=shown.paint,
    )


def _reasons_table(reasons: pd.DataFrame, currency: str) -> None:
    rows = [
        (
            _reason(row.code),
            f"{number(row.refusals):,}",
            f"{number(row.payouts):,}",
            fmt.money(number(row.amount_minor), currency),
        )
        for row in tables.each(reasons.head(2 * REASONS_SHOWN))
    ]
    columns = ["Reason", "Tries refused", "Failed for good", "Amount"]
    tables.rows(rows, columns, right=columns[1:])


def _ended_table(ended: pd.DataFrame) -> None:
    shown = ended.iloc[::-1].assign(day=[f"{pd.Timestamp(day):%Y-%m-%d}" for day in ended["day"].iloc[::-1]])
    st.dataframe(
        shown,
        hide_index=True,
        height=charts.HALF,
        row_height=32,
        column_config={"day": "Day", "paid": "Paid", "failed": "Failed"},
        alt="Payouts paid and failed per day.",
    )


def _wait(
    grid: DeltaGenerator,
    shown: Scope,
    name: str,
    *,
    title: str,
    note: str,
    wait: Wait,
    unit: str,
    colour: str,
) -> None:
    words = [str(one) for one in wait.classes["wait"]]
    counts = [int(one) for one in wait.classes["count"].tolist()]
    card(
        grid,
        name,
        title,
        f"{note}; average {length(wait.average_s)}",
        figure=partial(
            charts_ages.counts_by_class, words, counts, unit=unit, colour=colour, colours=shown.paint
        ),
        table=partial(
            tables.rows,
            [(word, f"{count:,}") for word, count in zip(words, counts, strict=True)],
            ["It took", f"{unit.capitalize()}s"],
            right=[f"{unit.capitalize()}s"],
        ),
        numbers=wait.classes,
        empty="Nothing was paid in this period.",
    )
