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
from pages.shared import address, charts, colours, elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.charts import Chart, Series
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
AS_OF_NOW = {"available": "blue", "held": "amber", "reserved": "violet"}
MONEY_COLUMNS = {
    "revenue_minor": "Revenue",
    "platform_fee_minor": "Platform fees",
    "earned_minor": "Partner earnings",
    "paid_minor": "Paid",
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
    if _of(found.figures, currency)[["count", "amount_minor"]].to_numpy().sum() == 0:
        elements.empty(
            "Nothing in this period",
            "Choose a longer one, or another program. Figures begin with the first import of sales.",
            "query_stats",
        )
        return
    paint = colours.palette(st.context.theme.type)
    pair = st.grid(2, min_column_width=400)
    over_time = _of(found.over_time, currency)
    _card(
        pair,
        "revenue",
        "Revenue and what it cost",
        f"per {found.step}, by sale date",
        partial(_revenue, over_time, currency, paint),
        partial(_money_table, over_time, currency, found.step),
        over_time,
    )
    statuses = _of(found.statuses, currency)
    _card(
        pair,
        "statuses",
        "Payouts by status",
        _paid_of_all(statuses),
        partial(_statuses, statuses, paint),
        partial(_status_table, statuses),
        statuses,
    )
    third = st.grid(3, min_column_width=300)
    balances = _balances(found, currency)
    _card(
        third,
        "balances",
        "Held against available",
        "as of now",
        partial(_balance_bars, balances, currency, paint),
        partial(_balance_table, balances, currency),
        balances,
    )
    _card(
        third,
        "paid",
        "Paid",
        f"gross, per {found.step} of payment",
        partial(_paid, over_time, currency, paint),
        partial(_money_table, over_time, currency, found.step),
        over_time,
    )
    top = _top(found, currency)
    _card(
        third,
        "top",
        "Top partners",
        "paid, share of all",
        partial(charts.top_bars, top.head(TOP_DRAWN), currency=currency, colours=paint),
        partial(_top_table, top, currency),
        top,
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


def _of(found: pd.DataFrame, currency: str) -> pd.DataFrame:
    return found[found["currency"] == currency].reset_index(drop=True)


def _figures(found: Analytics, currency: str) -> None:
    figures = _of(found.figures, currency).set_index("metric")
    grid = st.grid(5, min_column_width=190)
    for metric, (label, unit) in FIGURES.items():
        row = figures.loc[metric] if metric in figures.index else None
        minor = int(row["amount_minor"]) if row is not None else 0
        number = int(row["count"]) if row is not None else 0
        before = None if row is None or row["previous_minor"] is pd.NA else int(row["previous_minor"])
        change, note = _change(minor, before), fmt.count(number, unit) if unit else ""
        grid.metric(
            f"{label}, {currency}" if metric == "revenue" else label,
            fmt.money(minor, currency),
            delta=change,
            delta_color="off",
            delta_description=note
            or ("as of now" if before is None else f"was {fmt.money(before, currency)}"),
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
    figure: Callable[[], Chart],
    table: Callable[[], None],
    numbers: pd.DataFrame,
) -> None:
    with elements.card(grid, title, note, tool=partial(view_switch, name)):
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


def _revenue(over_time: pd.DataFrame, currency: str, paint: colours.Palette) -> Chart:
    series = [
        Series("revenue_minor", "Revenue", "teal"),
        Series("earned_minor", "Partner earnings", "blue", "line"),
        Series("platform_fee_minor", "Platform fees", "gray", "dots"),
    ]
    return charts.money_over_time(over_time, series, currency=currency, colours=paint)


def _paid(over_time: pd.DataFrame, currency: str, paint: colours.Palette) -> Chart:
    series = [Series("paid_minor", "Paid", "green")]
    return charts.money_over_time(over_time, series, currency=currency, colours=paint, height=charts.THIRD)


def _money_table(over_time: pd.DataFrame, currency: str, step: str) -> None:
    shown = pd.DataFrame({"day": [pd.Timestamp(day).strftime("%Y-%m-%d") for day in over_time["day"]]})
    for column in MONEY_COLUMNS:
        shown[column] = [f"{fmt.money(int(minor), currency):>14}" for minor in over_time[column]]
    st.dataframe(
        shown.iloc[::-1],
        hide_index=True,
        height=charts.THIRD,
        row_height=32,
        column_config={"day": st.column_config.TextColumn("Day" if step == "day" else "Week of", width=90)}
        | {column: tables.figures(label, width=110) for column, label in MONEY_COLUMNS.items()},
        alt=f"Amounts per {step}.",
    )


def _paid_of_all(statuses: pd.DataFrame) -> str:
    everything = int(statuses["count"].sum())
    paid = int(statuses.loc[statuses["status"] == "paid", "count"].sum())
    share = f"{paid:,} paid ({paid / everything:.1%})" if everything else "none"
    return f"by day queued; {share}"


def _statuses(statuses: pd.DataFrame, paint: colours.Palette) -> Chart:
    return charts.status_bars(statuses, colours=paint)


def _status_table(statuses: pd.DataFrame) -> None:
    records = [
        (status.badge(str(row.status)), f"{row.count:,}") for row in statuses.itertuples(name="Status")
    ]
    tables.rows(records, ["Status", "Payouts"], right=["Payouts"])


def _balances(found: Analytics, currency: str) -> pd.DataFrame:
    figures = _of(found.figures, currency)
    shown = figures[figures["metric"].isin(list(AS_OF_NOW))][["metric", "currency", "count", "amount_minor"]]
    return shown.sort_values("metric", key=lambda metrics: metrics.map(list(AS_OF_NOW).index))


def _balance_bars(balances: pd.DataFrame, currency: str, paint: colours.Palette) -> Chart:
    return charts.balance_bars(
        [str(metric) for metric in balances["metric"]],
        [int(minor) for minor in balances["amount_minor"]],
        [AS_OF_NOW[str(metric)] for metric in balances["metric"]],
        currency=currency,
        colours=paint,
    )


def _balance_table(balances: pd.DataFrame, currency: str) -> None:
    records = [
        (status.badge(str(row.metric)), f"{row.count:,}", fmt.money(int(str(row.amount_minor)), currency))
        for row in balances.itertuples(name="Balance")
    ]
    tables.rows(records, ["", "Partners", "Amount"], right=["Partners", "Amount"])


def _top(found: Analytics, currency: str) -> pd.DataFrame:
    top = _of(found.top_partners, currency)
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


def _top_table(top: pd.DataFrame, currency: str) -> None:
    records = [
        (fmt.plain(str(row.name)), f"{row.payouts:,}", fmt.money(int(str(row.amount_minor)), currency))
        for row in top.itertuples(name="Top")
    ]
    tables.rows(records, ["Partner", "Payouts", "Paid"], right=["Payouts", "Paid"])


page()
