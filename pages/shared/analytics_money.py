"""The money of a period: what came in, was earned, kept and paid, beside the period before."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.reports.analytics import DEFINITIONS, Analytics, analytics
from core.reports.by_program import WithoutSales, paid_by_program, without_sales
from pages.shared import (
    analytics_cards,
    analytics_frame,
    charts,
    elements,
    frame,
    paid_by_program_card,
    tables,
)
from pages.shared import format as fmt
from pages.shared.analytics_frame import Scope, card
from pages.shared.cells import number
from pages.shared.lines import card_text

TOP_DRAWN = 6
FIGURES = {
    "revenue": ("Revenue", "sale"),
    "platform_fees": ("Platform fees", ""),
    "partner_earnings": ("Partner earnings", "earning"),
    "completed_payouts": ("Completed payouts", "payout"),
    "pending_payouts": ("Pending payouts", "payout"),
}
COMPARED = FIGURES | {
    "payout_fees": ("Payout fees", "payout"),
    "payout_costs": ("Payout fees we bear", "payout"),
    "failed_payouts": ("Failed payouts", "payout"),
}


def view(shown: Scope) -> None:
    """Draw the figures, and the cards behind them."""
    with frame.reading() as conn:
        found = analytics(
            conn,
            now=shown.now,
            masked=shown.masked,
            program=shown.program,
            period=shown.period,
            step=shown.step,
        )
        by_program = paid_by_program(conn, shown.period, currency=shown.currency, step=shown.step)
        without = without_sales(conn, shown.period, currency=shown.currency)
    currency, paint = shown.currency, shown.paint
    _figures(found, currency)
    if analytics_cards.of_currency(found.figures, currency)[["count", "amount_minor"]].to_numpy().sum() == 0:
        elements.empty(
            "Nothing in this period",
            "Choose a longer one, or another program. Figures begin with the first import of sales.",
            "query_stats",
        )
        return
    pair = st.grid(2, min_column_width=400)
    over_time = analytics_cards.of_currency(found.over_time, currency)
    card(
        pair,
        "revenue",
        "Revenue and what it cost",
        f"per {found.step}, by sale date",
        figure=partial(analytics_cards.revenue, over_time, currency, paint, found.step),
        table=partial(
            analytics_cards.money_table, over_time, currency, found.step, analytics_cards.REVENUE_COLUMNS
        ),
        numbers=over_time,
        below=_of_whose_sales(without),
    )
    statuses = analytics_cards.of_currency(found.statuses, currency)
    card(
        pair,
        "statuses",
        "Payouts by status",
        analytics_cards.paid_of_all(statuses),
        figure=partial(analytics_cards.statuses_chart, statuses, paint),
        table=partial(analytics_cards.status_table, statuses),
        numbers=statuses,
    )
    if shown.program is None:
        paid_by_program_card.draw(by_program, shown)
    third = st.grid(3, min_column_width=300)
    balances = analytics_cards.balances_of(found, currency)
    card(
        third,
        "balances",
        "Held, available",
        "as of now",
        figure=partial(analytics_cards.balance_bars, balances, currency, paint),
        table=partial(analytics_cards.balance_table, balances, currency),
        numbers=balances.assign(currency=currency),
    )
    card(
        third,
        "paid",
        "Paid",
        f"gross, per {found.step}",
        figure=partial(analytics_cards.paid, over_time, currency, paint, found.step),
        table=partial(
            analytics_cards.money_table, over_time, currency, found.step, analytics_cards.PAID_COLUMNS
        ),
        numbers=over_time,
    )
    top = analytics_cards.top_of(found, currency)
    card(
        third,
        "top",
        "Top partners",
        "share of all paid",
        figure=partial(charts.top_bars, top.head(TOP_DRAWN), currency=currency, colours=paint),
        table=partial(analytics_cards.top_table, top, currency),
        numbers=top.assign(currency=currency),
    )
    _compared(found, shown)
    names = {metric: name for metric, (name, _) in COMPARED.items()}
    said = {
        names.get(metric, metric.replace("_", " ").capitalize()): sentence
        for metric, sentence in DEFINITIONS.items()
    }
    analytics_frame.definitions(said, found.zone)


def _of_whose_sales(without: WithoutSales) -> str:
    """Why partners may earn more than there is revenue: a line for under the card, empty where it cannot be."""
    said = []
    if without.no_revenue:
        said.append(f"{_listed(without.no_revenue)} earn by the customer and have no revenue here.")
    if without.commission:
        said.append(
            f"For {_listed(without.commission)} the commission arrives as such, and is all their revenue here."
        )
    return " ".join(said)


def _listed(names: list[str]) -> str:
    known = [fmt.plain(name) for name in names]
    return " and ".join([", ".join(known[:-1]), known[-1]] if known[1:] else known)


def _figures(found: Analytics, currency: str) -> None:
    figures = analytics_cards.of_currency(found.figures, currency).set_index("metric")
    grid = st.grid(5, min_column_width=190)
    for metric, (label, unit) in FIGURES.items():
        row = figures.loc[metric] if metric in figures.index else None
        minor = number(row["amount_minor"]) if row is not None else 0
        happened = number(row["count"]) if row is not None else 0
        before = (
            None if row is None or not card_text(row["previous_minor"]) else number(row["previous_minor"])
        )
        note = fmt.count(happened, unit) if unit else ""
        grid.metric(
            f"{label}, {currency}" if metric == "revenue" else label,
            fmt.money(minor, currency),
            delta=change(minor, before),
            delta_color="off",
            delta_description=note
            or ("none before" if before is None else f"was {fmt.money(before, currency)}"),
            border=True,
            height="stretch",
            help=DEFINITIONS[metric],
        )


def change(minor: int, before: int | None) -> str | None:
    """Return a change against the period before, ASCII signs: the element draws its arrow by them."""
    if not before:
        return None
    return f"{(minor - before) / abs(before):+.1%}"


def _compared(found: Analytics, shown: Scope) -> None:
    figures = analytics_cards.of_currency(found.figures, shown.currency)
    known = figures[figures["previous_minor"].notna()]
    before = shown.period.before
    with elements.card(
        st.grid(1),
        "Beside the period before",
        analytics_frame.in_words(before),
        tool=partial(analytics_frame.csv_button, "compared", known),
    ):
        compared_table(
            [
                (
                    COMPARED.get(str(row.metric), (str(row.metric), ""))[0],
                    number(row.count),
                    number(row.amount_minor),
                    number(row.previous_count),
                    number(row.previous_minor),
                )
                for row in tables.each(known)
            ],
            shown.currency,
        )


def compared_table(rows: list[tuple[str, int, int, int, int]], currency: str) -> None:
    """Draw figures beside those of the period before: name, count and amount of both."""
    records = [
        (
            name,
            f"{count:,}",
            fmt.money(minor, currency),
            f"{count_before:,}",
            fmt.money(before, currency),
            (change(minor, before) or fmt.ABSENT).replace("-", "−"),
        )
        for name, count, minor, count_before, before in rows
    ]
    columns = ["", "Count", "Amount", "Count before", "Before", "Change"]
    tables.rows(records, columns, right=columns[1:])
