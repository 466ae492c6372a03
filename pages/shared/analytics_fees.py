"""What fewer payouts would have spared, and for whom; each partner leads to the terms that hold for them."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from core.money import BadAmount, parse_amount, plain
from core.reads.terms import schedule_words
from core.reports.fee_saving import DAYS_MAX, DEFINITION, Saving, fee_saving
from pages.shared import address, analytics_frame, charts, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.analytics_frame import Scope, card
from pages.shared.cells import linked_to, number
from pages.shared.lines import card_text, figure, line
from pages.shared.own_terms import SUGGESTED, suggestion

WAYS: dict[str, str] = {"month": "Once a month", "week": "Once a week", "minimum": "Not below a minimum"}
SHOWN, DRAWN, PROPOSED = 15, 10, 5
USUAL_MINIMUM = "50"
PAYER = {"partner": "the partner", "platform": "us"}


def view(shown: Scope) -> None:
    """Draw the choice, the figures and the partners who would save most."""
    way = address.one_of("way", WAYS, "month")
    minimum = _minimum(shown.currency)
    _choice(way, minimum, shown.currency)
    with frame.reading() as conn:
        found = fee_saving(
            conn,
            shown.period,
            now=shown.now,
            currency=shown.currency,
            masked=shown.masked,
            cadence=_cadence(way),
            minimum_minor=minimum if way == "minimum" else 0,
        )
    _figures(found, shown.currency)
    most, terms, suggested = found.partners, *_suggestion(way, minimum, shown.currency)
    card(
        st.grid(1),
        "saving",
        "Who would save most",
        f"fixed fees spared since {found.since.day} {found.since:%b}",
        figure=partial(_chart, most, shown),
        table=partial(_table, most, shown.currency, suggested),
        numbers=most,
        empty="Nobody would save a fixed fee by it.",
    )
    if len(most):
        _proposals(most, shown.currency, terms, suggested)
    analytics_frame.definitions({"Fee saving": DEFINITION}, shown.period.zone)


def _suggestion(way: str, minimum: int, currency: str) -> tuple[str, dict[str, str]]:
    """What would be proposed, in words and as the address that fills the form in."""
    if way == "minimum":
        written = plain(minimum, currency)
        return f"a minimum of {fmt.money(minimum, currency)}", suggestion(minimum=written)
    return f"paid {schedule_words(SUGGESTED[way])}", suggestion(schedule=way)


def _cadence(way: str) -> Literal["week", "month"] | None:
    match way:
        case "week":
            return "week"
        case "month":
            return "month"
        case _:
            return None


def _minimum(currency: str) -> int:
    """The minimum of the address, in minor units; one that cannot be read is the usual one."""
    for written in (address.given("minimum"), USUAL_MINIMUM):
        try:
            return parse_amount(written, currency)
        except BadAmount:
            continue
    raise AssertionError(USUAL_MINIMUM)


def _choice(way: str, minimum: int, currency: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("If each partner had been paid", width="content")
        st.segmented_control(
            "If each partner had been paid",
            list(WAYS),
            default=way,
            format_func=WAYS.__getitem__,
            required=True,
            label_visibility="collapsed",
            key="fees-way",
            on_change=address.remember("fees-way", "way", default="month"),
        )
        if way == "minimum":
            st.text_input(
                f"Minimum, {currency}",
                plain(minimum, currency),
                key="fees-minimum",
                width=120,
                label_visibility="collapsed",
                on_change=address.remember("fees-minimum", "minimum"),
            )


def _figures(found: Saving, currency: str) -> None:
    grid = st.grid(4, min_column_width=220)
    for label, value, note in (
        ("Payouts", f"{found.payouts:,}", f"would have been {found.joined:,}"),
        (
            "Partners would have saved",
            fmt.money(found.saved_by_partners_minor, currency),
            "fixed fees they bear",
        ),
        ("We would have saved", fmt.money(found.saved_by_us_minor, currency), "fixed fees we bear"),
        (
            "Partners it concerns",
            f"{found.savers:,}",
            f"since {found.since.day} {found.since:%b}, at most {DAYS_MAX} days",
        ),
    ):
        grid.metric(label, value, delta=None, delta_description=note, border=True, height="stretch")


def _name(row: object) -> str:
    return card_text(getattr(row, "name", None)) or str(getattr(row, "code", ""))


def _chart(most: pd.DataFrame, shown: Scope) -> charts.Chart:
    first = most.head(DRAWN)
    names = [f"{_name(row)} {row.code}" for row in tables.each(first)]
    drawn = pd.DataFrame({"name": names, "amount_minor": first["saved_minor"].tolist()})
    total = int(most["saved_minor"].sum()) or 1
    drawn["share"] = [int(minor) / total for minor in drawn["amount_minor"]]
    return charts.top_bars(
        drawn, currency=shown.currency, colours=shown.paint, colour="teal", height=charts.LEAD
    )


def _table(most: pd.DataFrame, currency: str, suggested: dict[str, str]) -> None:
    rows = [
        (
            linked_to("partner", _name(row), code=str(row.code), **suggested),
            f"{number(row.payouts):,}",
            f"{number(row.joined):,}",
            fmt.money(number(row.fixed_minor), currency),
            fmt.money(number(row.saved_minor), currency),
            PAYER[str(row.payer)],
        )
        for row in tables.each(most.head(SHOWN))
    ]
    columns = ["Partner", "Payouts", "Joined", "Fixed fee each", "Saved", "Saved by"]
    tables.rows(rows, columns, right=columns[1:5])


def _proposals(most: pd.DataFrame, currency: str, terms: str, suggested: dict[str, str]) -> None:
    """Lead to the terms of each who would save most, the form filled in with what would have saved it."""
    with elements.card(
        st.grid(1),
        "A proposal for each",
        "opens the partner’s terms filled in; a second person confirms them",
    ):
        with st.container(gap="xxsmall"):
            for row in tables.each(most.head(PROPOSED)):
                fewer = f"{fmt.count(number(row.payouts), 'payout')} → {number(row.joined):,}"
                line(
                    f"{fmt.plain(_name(row))}, {terms} :gray[:small[{fewer}]]",
                    figure(
                        f"{fmt.money(number(row.saved_minor), currency)} less, saved by {PAYER[str(row.payer)]}"
                    ),
                    page="pages/partner.py",
                    icon="tune",
                    query={"code": str(row.code)} | suggested,
                )
        if len(most) > PROPOSED:
            st.caption("The others are in the table above, each leading to the same.")
        st.page_link("pages/programs.py", label="Terms of a whole program", icon=":material/policy:")
