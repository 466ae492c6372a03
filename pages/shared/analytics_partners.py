"""Analytics by partner: everyone, and one partner's own figures."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from core.reports.analytics import LONGEST_DAILY_DAYS
from core.reports.by_partner import DEFINITION, PAGE_ROWS, OnePartner, by_partner, one_partner
from core.reports.cohorts import DEFINITION as RETENTION
from core.reports.cohorts import cohorts
from pages.shared import address, analytics_cards, analytics_frame, charts, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.analytics_customers import retention
from pages.shared.analytics_frame import Scope, card
from pages.shared.analytics_money import change
from pages.shared.cells import number
from pages.shared.lines import card_text

NAMES = {
    "revenue": ("Revenue", "sale"),
    "platform_fee": ("Platform fees", ""),
    "earned": ("Earned", "earning"),
    "paid": ("Paid", "payout"),
    "payout_fee": ("Payout fees", ""),
    "failed": ("Failed payouts", "payout"),
}
SHOWN = ("revenue", "earned", "paid", "payout_fee")


def view(shown: Scope) -> None:
    """Draw everyone, or the one partner the address names."""
    code = address.given("partner")
    if code:
        _one(code, shown)
    else:
        _all(shown)


def _all(shown: Scope) -> None:
    page = address.given_id("page") or 1
    with frame.reading() as conn:
        found = by_partner(conn, shown.period, currency=shown.currency, masked=shown.masked, page=page)
    if found.rows.empty:
        elements.empty(
            "Nobody was paid", "Neither in this period nor in the one before. Choose a longer one.", "groups"
        )
        return
    first = (page - 1) * PAGE_ROWS
    with elements.card(
        st.grid(1),
        "Partners by what they were paid",
        f"{first + 1:,}–{first + len(found.rows):,} of {found.count:,}, most first",
        tool=partial(analytics_frame.csv_button, "partners", partial(_everybody, shown)),
    ):
        _grid(found.rows, shown.currency)
        if found.count > PAGE_ROWS:
            st.pagination(
                -(-found.count // PAGE_ROWS),
                default=page,
                key="analytics-page",
                on_change=address.remember("analytics-page", "page", default="1"),
            )
    analytics_frame.definitions({"By partner": DEFINITION}, shown.period.zone)


def _everybody(shown: Scope) -> pd.DataFrame:
    with frame.reading() as conn:
        return by_partner(conn, shown.period, currency=shown.currency, masked=shown.masked, page=None).rows


def _grid(rows: pd.DataFrame, currency: str) -> None:
    codes = [str(code) for code in rows["code"]]
    paid = [number(minor) for minor in rows["paid_minor"].tolist()]
    before = [number(minor) for minor in rows["before_minor"].tolist()]
    shown = pd.DataFrame(
        {
            "partner": [card_text(row.name) or row.code for row in tables.each(rows)],
            "code": codes,
            "paid": [f"{fmt.money(minor, currency):>14}" for minor in paid],
            "before": [f"{fmt.money(minor, currency):>14}" for minor in before],
            "change": [(change(a, b) or "new").replace("-", "−") for a, b in zip(paid, before, strict=True)],
            "earned": [
                f"{fmt.money(number(minor), currency):>14}" for minor in rows["earned_minor"].tolist()
            ],
            "fees": [f"{fmt.money(number(minor), currency):>14}" for minor in rows["fee_minor"].tolist()],
            "count": [f"{number(n):,}" for n in rows["count"].tolist()],
        }
    )
    event = st.dataframe(
        shown,
        hide_index=True,
        height="content",
        row_height=32,
        key=f"analytics-partners-{hash(tuple(codes))}",
        on_select="rerun",
        selection_mode=tables.CLICKS,
        column_config={
            "partner": st.column_config.TextColumn("Partner", width=200),
            "code": st.column_config.TextColumn("Code", width=90),
            "paid": tables.figures("Paid", width=130),
            "before": tables.figures("Before", width=130),
            "change": tables.figures("Change", width=90),
            "earned": tables.figures("Earned", width=130),
            "fees": tables.figures("Fees", width=110),
            "count": tables.figures("Payouts", width=90),
        },
        alt="Partners by what they were paid.",
    )
    if event.selection.cells:
        address.put(partner=codes[event.selection.cells[0][0]], page=None)
        st.rerun()


def _one(code: str, shown: Scope) -> None:
    with frame.reading() as conn:
        found = one_partner(conn, code, shown.period, masked=shown.masked, longest_daily=LONGEST_DAILY_DAYS)
        theirs = cohorts(conn, now=shown.now, partner=code)
    if found is None:
        elements.empty("No such partner", "The code in the address names nobody.", "person_off")
        _everyone()
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        who = f"{fmt.plain(found.name)} · {found.code}" if found.name else found.code
        st.markdown(
            elements.title(who, f"{found.program}, {found.currency}, days in {found.zone}"), width="content"
        )
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.page_link(
                "pages/partner.py",
                label="Their story",
                icon=":material/person:",
                query_params={"code": found.code},
            )
            _everyone()
    _figures(found)
    pair = st.grid(2, min_column_width=400)
    over_time = found.over_time.assign(paid_before_minor=0)
    card(
        pair,
        "partner-revenue",
        "Sold and earned",
        f"per {found.step}, by day of the event",
        figure=partial(analytics_cards.revenue, over_time, found.currency, shown.paint, found.step),
        table=partial(
            analytics_cards.money_table,
            over_time,
            found.currency,
            found.step,
            analytics_cards.REVENUE_COLUMNS,
        ),
        numbers=found.over_time,
    )
    card(
        pair,
        "partner-paid",
        "Paid",
        f"gross, per {found.step} of payment",
        figure=partial(
            charts.money_over_time,
            over_time,
            [charts.Series("paid_minor", "Paid", "green")],
            currency=found.currency,
            colours=shown.paint,
        ),
        table=partial(
            analytics_cards.money_table, over_time, found.currency, found.step, {"paid_minor": "Paid"}
        ),
        numbers=found.over_time,
    )
    with elements.card(
        st.grid(1),
        "Beside the period before",
        tool=partial(analytics_frame.csv_button, "partner", found.figures),
    ):
        _compared(found)
    said = {"One partner": DEFINITION}
    if len(theirs):
        retention(theirs, shown)
        said["Retention"] = RETENTION
    analytics_frame.definitions(said, found.zone)


def _everyone() -> None:
    st.button(
        "Everyone",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=address.put,
        kwargs={"partner": None},
        key="analytics-everyone",
    )


def _figures(found: OnePartner) -> None:
    figures = {str(row.metric): row for row in tables.each(found.figures)}
    grid = st.grid(4, min_column_width=220)
    for metric in SHOWN:
        label, unit = NAMES[metric]
        row = figures[metric]
        minor, before = number(row.amount_minor), number(row.before_minor)
        note = fmt.count(number(row.count), unit) if unit else f"was {fmt.money(before, found.currency)}"
        grid.metric(
            label,
            fmt.money(minor, found.currency),
            delta=change(minor, before),
            delta_color="off",
            delta_description=note,
            border=True,
            height="stretch",
        )


def _compared(found: OnePartner) -> None:
    records = [
        (
            NAMES[str(row.metric)][0],
            f"{number(row.count):,}",
            fmt.money(number(row.amount_minor), found.currency),
            fmt.money(number(row.before_minor), found.currency),
            (change(number(row.amount_minor), number(row.before_minor)) or fmt.ABSENT).replace("-", "−"),
        )
        for row in tables.each(found.figures)
    ]
    columns = ["", "Count", "Amount", "Before", "Change"]
    tables.rows(records, columns, right=columns[1:])
