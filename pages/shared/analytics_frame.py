"""What every view of the analytics shares: the period and scope of the address, and cards with chart, table and CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.programs import Program, programs
from core.reports.analytics import PERIODS_DAYS, steps_of, usual_step
from core.reports.export import csv_bytes
from core.reports.period import Period, between, last_days
from pages.shared import address, colours, desk, elements, taking_home
from pages.shared.charts import Chart
from pages.shared.drawing import draw, view_of, view_switch

YEAR_DAYS = 365
CUSTOM = "custom"
PERIODS = {str(days): "12 m" if days == YEAR_DAYS else f"{days} d" for days in PERIODS_DAYS} | {
    CUSTOM: "Custom"
}
DEFAULT = "30"
EVERYTHING = "all"
VIEWS = {
    "money": "Money",
    "owed": "Owed",
    "speed": "Success and speed",
    "partners": "Partners",
    "customers": "Customers",
    "fees": "Fees",
    "cash": "Cash",
}
# Views of no period, and the question each answers.
AS_OF_NOW = {
    "owed": "What is owed, and how old is it? As of now.",
    "customers": "Who stays, by the month they signed up in?",
    "cash": "Is there cash for the next 30 days? As of now.",
}
STEPS = {"day": "Days", "week": "Weeks", "month": "Months"}
STEPPED = ("money",)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the address asks for: the view, the period and its step, one program or all of a currency."""

    view: str
    chosen: str
    period: Period
    step: str
    program: str | None
    currency: str
    known: list[Program]
    now: datetime
    masked: bool

    @property
    def paint(self) -> colours.Palette:
        """The colours of the theme."""
        return colours.palette(st.context.theme.type)


def scope(*, now: datetime, masked: bool) -> Scope:
    """Read the scope from the address; what it does not say, or says wrongly, is the default."""
    chosen = address.one_of("days", PERIODS, DEFAULT)
    since, until = given_day("since"), given_day("until")
    with desk.reading() as conn:
        known = programs(conn)
        program, currency = _chosen(known)
        if chosen == CUSTOM and since and until:
            period = between(conn, since, until, program=program)
        else:
            days = int(DEFAULT if chosen == CUSTOM else chosen)
            period = last_days(conn, now=now, days=days, program=program)
    return Scope(
        view=address.one_of("view", VIEWS, "money"),
        chosen=chosen,
        period=period,
        step=address.one_of("step", steps_of(period), usual_step(period)),
        program=program,
        currency=currency,
        known=known,
        now=now,
        masked=masked,
    )


def given_day(name: str) -> date | None:
    """One day of the address; None when there is none or it is no day."""
    try:
        return date.fromisoformat(address.given(name))
    except ValueError:
        return None


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


def tools(shown: Scope) -> None:
    """Draw the period, where the view has one, and the scope at the right of the header."""
    if shown.view not in AS_OF_NOW:
        _period(shown)
    words = {
        f"{EVERYTHING} {one}": f"All programs · {one}" for one in sorted({p.currency for p in shown.known})
    }
    words |= {f"{p.code} {p.currency}": f"{p.name} · {p.currency}" for p in shown.known}
    if words:
        st.selectbox(
            "Program and currency",
            list(words),
            index=list(words).index(f"{shown.program or EVERYTHING} {shown.currency}"),
            format_func=words.__getitem__,
            label_visibility="collapsed",
            key="analytics-scope",
            width=200,
            on_change=_scope_chosen,
        )


def _period(shown: Scope) -> None:
    if shown.chosen == CUSTOM:
        st.date_input(
            "From and to",
            (shown.period.since, shown.period.until),
            format="YYYY-MM-DD",
            label_visibility="collapsed",
            key="analytics-span",
            width=210,
            on_change=_span_chosen,
        )
    st.segmented_control(
        "Period",
        list(PERIODS),
        default=shown.chosen,
        format_func=PERIODS.__getitem__,
        required=True,
        label_visibility="collapsed",
        key="analytics-days",
        on_change=partial(_period_chosen, shown.period.since, shown.period.until),
    )


def views(shown: Scope) -> None:
    """Draw the switch between the views, and at its right the step, where the view has one and there is a choice."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.segmented_control(
            "View",
            list(VIEWS),
            default=shown.view,
            format_func=VIEWS.__getitem__,
            required=True,
            label_visibility="collapsed",
            key="analytics-view",
            on_change=address.remember("analytics-view", "view", default="money", then=_leave_partner),
        )
        steps = steps_of(shown.period)
        if shown.view in STEPPED and len(steps) > 1:
            st.segmented_control(
                "Step",
                steps,
                default=shown.step,
                format_func=STEPS.__getitem__,
                required=True,
                label_visibility="collapsed",
                key=f"analytics-step-{shown.chosen}-{shown.period.since}",
                on_change=address.remember(
                    f"analytics-step-{shown.chosen}-{shown.period.since}",
                    "step",
                    default=usual_step(shown.period),
                ),
            )


def _leave_partner() -> None:
    address.put(partner=None, page=None)


def _period_chosen(since: date, until: date) -> None:
    chosen = st.session_state["analytics-days"]
    if chosen == CUSTOM:
        address.put(days=CUSTOM, since=since.isoformat(), until=until.isoformat())
    else:
        address.put(days=None if chosen == DEFAULT else chosen, since=None, until=None)


def _span_chosen() -> None:
    span = st.session_state["analytics-span"]
    if len(span) == 2:  # noqa: PLR2004 - while only the first day is chosen there is no period yet
        address.put(since=span[0].isoformat(), until=span[1].isoformat())


def _scope_chosen() -> None:
    program, currency = st.session_state["analytics-scope"].split(" ")
    everything = program == EVERYTHING
    address.put(program=None if everything else program, currency=currency if everything else None, page=None)


def in_words(period: Period) -> str:
    """The period as days, with the zone: `22 Oct – 20 Nov 2026, both days included`."""
    since, until = period.since, period.until
    begins = f"{since.day} {since:%b}" + ("" if since.year == until.year else f" {since.year}")
    return f"{begins} – {until.day} {until:%b} {until.year}, both days included"


def card(
    grid: DeltaGenerator,
    name: str,
    title: str,
    note: str,
    *,
    figure: Callable[[], Chart],
    table: Callable[[], None],
    numbers: pd.DataFrame,
    empty: str = "Nothing in this period.",
    below: str = "",
) -> None:
    """Draw a card: its chart or its table, at the right the switch between them and its numbers as a file; a line below."""
    with elements.card(grid, title, note, tool=partial(_tool, name, numbers)):
        if numbers.empty:
            st.caption(empty)
        elif view_of(name) == "chart":
            draw(figure(), key=name)
        else:
            table()
        if below:
            st.caption(below)


def _tool(name: str, numbers: pd.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        if not numbers.empty:
            csv_button(name, numbers)
        view_switch(name)


def csv_button(name: str, numbers: pd.DataFrame | Callable[[], pd.DataFrame]) -> None:
    """Draw the button that takes a card's numbers home; those of more than the card shows are read by the click."""
    taking_home.button(
        "CSV",
        lambda _conn, _actor: csv_bytes([numbers() if callable(numbers) else numbers]),
        file_name=f"{name}.csv",
        icon=None,
        key=f"csv-{name}",
        told="The numbers of this card as a file",
    )


def definitions(sentences: dict[str, str], zone: str) -> None:
    """Draw what each figure counts, by which date, in which zone."""
    with st.expander("What each figure counts"):
        for name, sentence in sentences.items():
            st.markdown(f":small[**{name}.** :gray[{sentence}]]")
        st.caption(f"A day is a day in the program’s zone; across programs the period ends by {zone}.")
