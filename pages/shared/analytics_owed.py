"""What is owed and what waits, by age."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from core.reports.owed import DEFINITIONS, owed_by_age, owed_longest, waiting_by_age
from pages.shared import analytics_frame, charts, charts_ages, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.analytics_cards import of_currency
from pages.shared.analytics_frame import Scope, card
from pages.shared.cells import day, linked_to, number
from pages.shared.lines import card_text

COLOURS = {
    "Not released yet": "amber",
    "On hold": "amber",
    "Debts": "red",
    "Over 90 days": "orange",
    "61–90 days": "orange",
}
LATE = {"7–13 days": "amber", "14–29 days": "orange", "30 days or more": "red"}


def view(shown: Scope) -> None:
    """Draw both ages side by side."""
    with frame.reading() as conn:
        owed = of_currency(owed_by_age(conn, now=shown.now, program=shown.program), shown.currency)
        waiting = of_currency(waiting_by_age(conn, now=shown.now, program=shown.program), shown.currency)
        longest = owed_longest(
            conn, now=shown.now, currency=shown.currency, masked=shown.masked, program=shown.program
        )
    pair = st.grid(2, min_column_width=400)
    _ages(
        pair,
        shown,
        "owed",
        title="Owed",
        note="days since it could be paid",
        numbers=owed,
        unit="earning",
        colours=COLOURS,
        other="blue",
    )
    _ages(
        pair,
        shown,
        "waiting",
        title="In payouts",
        note="days since queued",
        numbers=waiting,
        unit="payout",
        colours=LATE,
        other="violet",
    )
    if len(longest):
        _longest(longest, shown)
    said = {"Owed": "owed", "In payouts": "waiting", "Owed longest": "longest"}
    analytics_frame.definitions({name: DEFINITIONS[key] for name, key in said.items()}, shown.period.zone)


def _longest(longest: pd.DataFrame, shown: Scope) -> None:
    """Draw who waits longest, what keeps their money and when that clears, each leading to the partner."""
    zone = frame.zone()
    with elements.card(
        st.grid(1),
        "Owed longest",
        f"since it could be paid; days in {zone.key}",
        tool=partial(analytics_frame.csv_button, "longest", longest),
    ):
        records = [
            (
                linked_to("partner", card_text(row.name) or str(row.code), code=str(row.code)),
                day(row.since, zone, shown.now),
                fmt.plain(str(row.keeps)),
                day(row.clears_at, zone, shown.now) if row.clears_at else row.clears or fmt.ABSENT,
                fmt.money(number(row.amount_minor), shown.currency),
            )
            for row in tables.each(longest)
        ]
        tables.rows(
            records, ["Partner", "Since", "What keeps it", "Clears", "Available"], right=["Available"]
        )


def _ages(
    grid: st.delta_generator.DeltaGenerator,
    shown: Scope,
    name: str,
    *,
    title: str,
    note: str,
    numbers: pd.DataFrame,
    unit: str,
    colours: dict[str, str],
    other: str,
) -> None:
    total = fmt.money(int(numbers["amount_minor"].sum()), shown.currency)
    card(
        grid,
        name,
        title,
        f"{note}; {total} in all",
        figure=partial(
            charts_ages.amounts_by_class,
            numbers,
            name="age",
            unit=unit,
            currency=shown.currency,
            bar_colours=[colours.get(str(age), other) for age in numbers["age"]],
            colours=shown.paint,
            height=charts.LEAD,
        ),
        table=partial(_table, numbers, unit, shown.currency),
        numbers=numbers,
        empty="Nothing is owed." if name == "owed" else "No payout waits.",
    )


def _table(numbers: pd.DataFrame, unit: str, currency: str) -> None:
    what = f"{unit.capitalize()}s"
    rows = [
        (str(row.age), f"{number(row.count):,}", fmt.money(number(row.amount_minor), currency))
        for row in tables.each(numbers)
    ]
    tables.rows(rows, ["Age", what, "Amount"], right=[what, "Amount"])
