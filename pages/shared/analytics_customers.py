"""Who stays: referred customers by the month they signed up in."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from core.reports.cohorts import DEFINITION, MONTHS, cohorts
from pages.shared import analytics_frame, charts_ages, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.analytics_frame import Scope, card
from pages.shared.cells import number


def view(shown: Scope) -> None:
    """Draw the cohorts of the program, or of all programs of the currency."""
    with frame.reading() as conn:
        found = cohorts(conn, now=shown.now, program=shown.program, currency=shown.currency)
    if found.empty:
        elements.empty(
            "No referred customers",
            "Nobody signed up through a partner in the last twelve months. Customers come in with a file, or from Stripe.",
            "group_off",
        )
        return
    retention(found, shown)
    analytics_frame.definitions({"Retention": DEFINITION}, shown.period.zone)


def retention(found: pd.DataFrame, shown: Scope) -> None:
    """Draw the card of these cohorts."""
    card(
        st.grid(1),
        "retention",
        "Customers left, months after they signed up",
        f"{fmt.count(int(found['customers'].sum()), 'customer')} of the last twelve months",
        figure=partial(charts_ages.cohorts, found, months=MONTHS, colours=shown.paint),
        table=partial(_table, found),
        numbers=found,
    )


def _table(found: pd.DataFrame) -> None:
    rows = [
        (
            row["cohort"],
            f"{number(row['customers']):,}",
            *(
                "" if pd.isna(row[f"left_{month}"]) else f"{number(row[f'left_{month}']):,}"
                for month in range(MONTHS)
            ),
        )
        for row in found.to_dict("records")
    ]
    columns = ["Signed up", "Customers", *(f"{month} m" for month in range(MONTHS))]
    tables.rows(rows, columns, right=columns[1:])
