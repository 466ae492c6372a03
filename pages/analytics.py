"""How much came in, was earned, kept and paid, over a period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from core.programs import Program, programs
from core.reports.analytics import DEFINITIONS, PERIODS_DAYS, Analytics, analytics
from core.reports.export import csv_bytes
from pages.shared import address, analytics_cards, charts, colours, elements, frame
from pages.shared import format as fmt
from pages.shared.cells import number
from pages.shared.charts import Chart
from pages.shared.drawing import draw, view_of, view_switch
from pages.shared.lines import card_text

PERIODS = {str(days): "12 m" if days == 365 else f"{days} d" for days in PERIODS_DAYS}  # noqa: PLR2004 - a year
DEFAULT = "30"
TOP_DRAWN = 6
EVERYTHING = "all"
FIGURES = {
    "revenue": ("Revenue", "sale"),
    "platform_fees": ("Platform fees", ""),
    "partner_earnings": ("Partner earnings", "earning"),
    "completed_payouts": ("Completed payouts", "payout"),
    "pending_payouts": ("Pending payouts", "payout"),
}


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    days = address.one_of("days", PERIODS, DEFAULT)
    with frame.reading() as conn:
        known = programs(conn)
        program, currency = _chosen(known)
        found = analytics(
            conn, now=now, masked=not person.may("see personal data"), days=int(days), program=program
        )
    caption = f"{_span(found.since, found.until)}, both days included, compared with the {days} days before."
    frame.header(
        "Analytics", f"{caption} Days in {found.zone}.", tools=lambda: _tools(known, days, program, currency)
    )
    _figures(found, currency)
    if analytics_cards.of_currency(found.figures, currency)[["count", "amount_minor"]].to_numpy().sum() == 0:
        elements.empty(
            "Nothing in this period",
            "Choose a longer one, or another program. Figures begin with the first import of sales.",
            "query_stats",
        )
        return
    paint = colours.palette(st.context.theme.type)
    pair = st.grid(2, min_column_width=400)
    over_time = analytics_cards.of_currency(found.over_time, currency)
    _card(
        pair,
        "revenue",
        "Revenue and what it cost",
        f"per {found.step}, by sale date",
        figure=partial(analytics_cards.revenue, over_time, currency, paint),
        table=partial(
            analytics_cards.money_table, over_time, currency, found.step, analytics_cards.REVENUE_COLUMNS
        ),
        numbers=over_time,
    )
    statuses = analytics_cards.of_currency(found.statuses, currency)
    _card(
        pair,
        "statuses",
        "Payouts by status",
        analytics_cards.paid_of_all(statuses),
        figure=partial(analytics_cards.statuses_chart, statuses, paint),
        table=partial(analytics_cards.status_table, statuses),
        numbers=statuses,
    )
    third = st.grid(3, min_column_width=300)
    balances = analytics_cards.balances_of(found, currency)
    _card(
        third,
        "balances",
        "Held against available",
        "as of now",
        figure=partial(analytics_cards.balance_bars, balances, currency, paint),
        table=partial(analytics_cards.balance_table, balances, currency),
        numbers=balances.assign(currency=currency),
    )
    _card(
        third,
        "paid",
        "Paid",
        f"gross, per {found.step} of payment",
        figure=partial(analytics_cards.paid, over_time, currency, paint),
        table=partial(
            analytics_cards.money_table, over_time, currency, found.step, analytics_cards.PAID_COLUMNS
        ),
        numbers=over_time,
    )
    top = analytics_cards.top_of(found, currency)
    _card(
        third,
        "top",
        "Top partners",
        "paid, share of all",
        figure=partial(charts.top_bars, top.head(TOP_DRAWN), currency=currency, colours=paint),
        table=partial(analytics_cards.top_table, top, currency),
        numbers=top.assign(currency=currency),
    )
    with st.expander("What each figure counts"):
        zone = f" A day is a day in the program’s zone; across programs the period ends by {found.zone}."
        names = {metric: name for metric, (name, _) in FIGURES.items()}
        for metric, sentence in DEFINITIONS.items():
            name = names.get(metric, metric.replace("_", " ").capitalize())
            st.markdown(f":small[**{name}.** :gray[{sentence}]]")
        st.caption(zone)


def _chosen(known: list[Program]) -> tuple[str | None, str]:
    """The program and the currency of the address; one program has one currency, all have several."""
    by_code = {program.code: program for program in known}
    code = address.one_of("program", by_code, "") or None
    if code is not None:
        return code, by_code[code].currency
    held = sorted({program.currency for program in known}, key=lambda one: (-_programs_in(known, one), one))
    return None, address.one_of("currency", held, held[0] if held else "USD")


def _programs_in(known: list[Program], currency: str) -> int:
    return sum(program.currency == currency for program in known)


def _tools(known: list[Program], days: str, program: str | None, currency: str) -> None:
    st.segmented_control(
        "Period",
        list(PERIODS),
        default=days,
        format_func=PERIODS.__getitem__,
        required=True,
        label_visibility="collapsed",
        key="analytics-days",
        on_change=address.remember("analytics-days", "days", default=DEFAULT),
    )
    words = {f"{EVERYTHING} {one}": f"All programs · {one}" for one in sorted({p.currency for p in known})}
    words |= {f"{p.code} {p.currency}": f"{p.name} · {p.currency}" for p in known}
    if not words:
        return
    st.selectbox(
        "Program and currency",
        list(words),
        index=list(words).index(f"{program or EVERYTHING} {currency}"),
        format_func=words.__getitem__,
        label_visibility="collapsed",
        key="analytics-scope",
        width=200,
        on_change=_scope,
    )


def _scope() -> None:
    program, currency = st.session_state["analytics-scope"].split(" ")
    everything = program == EVERYTHING
    address.put(program=None if everything else program, currency=currency if everything else None)


def _span(since: date, until: date) -> str:
    begins = f"{since.day} {since:%b}" + ("" if since.year == until.year else f" {since.year}")
    return f"{begins} – {until.day} {until:%b} {until.year}"


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
        change, note = _change(minor, before), fmt.count(happened, unit) if unit else ""
        grid.metric(
            f"{label}, {currency}" if metric == "revenue" else label,
            fmt.money(minor, currency),
            delta=change,
            delta_color="off",
            delta_description=note
            or ("none before" if before is None else f"was {fmt.money(before, currency)}"),
            border=True,
            height="stretch",
            help=DEFINITIONS[metric],
        )


def _change(minor: int, before: int | None) -> str | None:
    """A change against the period before, ASCII signs: the element draws its arrow by them."""
    if not before:
        return None
    return f"{(minor - before) / abs(before):+.1%}"


def _card(
    grid: st.delta_generator.DeltaGenerator,
    name: str,
    title: str,
    note: str,
    *,
    figure: Callable[[], Chart],
    table: Callable[[], None],
    numbers: pd.DataFrame,
) -> None:
    with elements.card(grid, title, note, tool=partial(view_switch, name)):
        if numbers.empty:
            st.caption("Nothing in this period.")
            return
        if view_of(name) == "chart":
            draw(figure(), key=name)
            return
        table()
        st.download_button(
            "CSV",
            data=lambda: csv_bytes([numbers]),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"csv-{name}",
        )


page()
