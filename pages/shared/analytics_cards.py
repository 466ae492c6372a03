"""The charts of the analytics page and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.reports.analytics import Analytics
from pages.shared import charts, colours, status, tables
from pages.shared import format as fmt
from pages.shared.cells import linked_to, number
from pages.shared.charts import Chart, Series
from pages.shared.lines import card_text

AS_OF_NOW = {"available": "blue", "held": "amber", "reserved": "violet"}
REVENUE_COLUMNS = {
    "revenue_minor": "Revenue",
    "platform_fee_minor": "Platform fees",
    "earned_minor": "Partner earnings",
}
STEP_HEADS = {"day": "Day", "week": "Week of", "month": "Month"}
PAID_COLUMNS = {"paid_minor": "Paid", "paid_before_minor": "Before"}


def of_currency(found: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Return the rows of one currency."""
    return found[found["currency"] == currency].reset_index(drop=True)


def revenue(over_time: pd.DataFrame, currency: str, paint: colours.Palette, step: str) -> Chart:
    """Draw revenue as bars, what partners earned as a line, what the platform kept as dots."""
    series = [
        Series("revenue_minor", "Revenue", "teal"),
        Series("earned_minor", "Partner earnings", "blue", "line"),
        Series("platform_fee_minor", "Platform fees", "gray", "dots"),
    ]
    return charts.money_over_time(over_time, series, currency=currency, colours=paint, months=step == "month")


def paid(over_time: pd.DataFrame, currency: str, paint: colours.Palette, step: str) -> Chart:
    """Draw what was paid, and as dots what had been at the same step of the period before."""
    series = [
        Series("paid_minor", "Paid", "green"),
        Series("paid_before_minor", "Period before", "gray", "dots"),
    ]
    return charts.money_over_time(
        over_time, series, currency=currency, colours=paint, height=charts.THIRD, months=step == "month"
    )


def step_name(day: object, step: str) -> str:
    """Write the first day of a step: `2026-10-05`, a month as `2026-10`."""
    return pd.Timestamp(str(day)).strftime("%Y-%m" if step == "month" else "%Y-%m-%d")


def money_table(over_time: pd.DataFrame, currency: str, step: str, columns: Mapping[str, str]) -> None:
    """Draw these amounts of every step, the newest first."""
    shown = pd.DataFrame({"day": [step_name(day, step) for day in over_time["day"]]})
    for column in columns:
        shown[column] = [f"{fmt.money(int(minor), currency):>14}" for minor in over_time[column]]
    st.dataframe(
        shown.iloc[::-1],
        hide_index=True,
        height=charts.THIRD,
        row_height=32,
        column_config={"day": st.column_config.TextColumn(STEP_HEADS[step], width=84)}
        | {column: tables.figures(label, width=100) for column, label in columns.items()},
        alt=f"Amounts per {step}.",
    )


def paid_of_all(statuses: pd.DataFrame) -> str:
    """Say how many of the payouts are paid."""
    everything = int(statuses["count"].sum())
    paid = int(statuses.loc[statuses["status"] == "paid", "count"].sum())
    share = f"{paid:,} paid ({paid / everything:.1%})" if everything else "none"
    return f"by day queued; {share}"


def statuses_chart(statuses: pd.DataFrame, paint: colours.Palette) -> Chart:
    """Draw the payouts by status."""
    return charts.status_bars(statuses, colours=paint)


def status_table(statuses: pd.DataFrame) -> None:
    """Draw the payouts by status as numbers."""
    records = [
        (status.badge(str(row.status)), f"{row.count:,}") for row in statuses.itertuples(name="Status")
    ]
    tables.rows(records, ["Status", "Payouts"], right=["Payouts"])


def balances_of(found: Analytics, currency: str) -> pd.DataFrame:
    """Return available, held and reserved of one currency."""
    figures = of_currency(found.figures, currency)
    shown = figures[figures["metric"].isin(list(AS_OF_NOW))][["metric", "currency", "count", "amount_minor"]]
    return shown.sort_values("metric", key=lambda metrics: metrics.map(list(AS_OF_NOW).index))


def balance_bars(balances: pd.DataFrame, currency: str, paint: colours.Palette) -> Chart:
    """Draw the balances."""
    return charts.balance_bars(
        [str(metric) for metric in balances["metric"]],
        [int(minor) for minor in balances["amount_minor"]],
        [AS_OF_NOW[str(metric)] for metric in balances["metric"]],
        currency=currency,
        colours=paint,
    )


def balance_table(balances: pd.DataFrame, currency: str) -> None:
    """Draw the balances as numbers."""
    records = [
        (status.badge(str(row.metric)), f"{row.count:,}", fmt.money(number(row.amount_minor), currency))
        for row in balances.itertuples(name="Balance")
    ]
    tables.rows(records, ["", "Partners", "Amount"], right=["Partners", "Amount"])


def top_of(found: Analytics, currency: str) -> pd.DataFrame:
    """Return the ranking of one currency; a name that stands twice gets its code."""
    top = of_currency(found.top_partners, currency)
    names = [card_text(row.partner_name) or str(row.partner_code) for row in top.itertuples(name="Top")]
    twice = {name for name in names if names.count(name) > 1}
    codes = [str(code) for code in top["partner_code"]]
    return pd.DataFrame(
        {
            "code": codes,
            "name": [
                f"{name} {code}" if name in twice else name for name, code in zip(names, codes, strict=True)
            ],
            "currency": currency,
            "payouts": top["count"],
            "amount_minor": top["paid_minor"],
            "share": [float(share) / 100 for share in top["share_pct"]],
        }
    )


def _leading(row: Any) -> str:  # noqa: ANN401 - a row of the ranking
    """A partner's name, leading to their own figures."""
    return linked_to("analytics", str(row.name), view="partners", partner=str(row.code))


def top_table(top: pd.DataFrame, currency: str) -> None:
    """Draw the ranking as numbers."""
    records = [
        (_leading(row), f"{row.payouts:,}", fmt.money(number(row.amount_minor), currency))
        for row in top.itertuples(name="Top")
    ]
    tables.rows(records, ["Partner", "Payouts", "Paid"], right=["Payouts", "Paid"])
