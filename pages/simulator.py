"""What would another policy have done: the last weeks of a program, lived again under other terms."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.policy import Policy
from core.policy_changes import read_terms
from core.programs import current_policy, programs
from core.reads.programs import changes_between
from core.refusals import Refusal
from core.reports.simulator import DAYS, DEFINITIONS, Simulation, simulate
from pages.shared import address, analytics_frame, charts, colours, elements, frame, simulator_form, tables
from pages.shared import format as fmt
from pages.shared.analytics_frame import card

REPLAY_TTL_S = 300


def page() -> None:
    """Draw the terms to try, and what they would have made of the last weeks."""
    now = frame.now()
    with frame.reading() as conn:
        known = {program.code: program for program in programs(conn)}
        if not known:
            frame.header("Policy simulator", "What would another policy have done?")
            elements.empty(
                "No program yet", "The presets come with the database: python -m jobs db migrate", "policy"
            )
            return
        program = known[address.one_of("program", known, next(iter(known)))]
        policy = current_policy(conn, program.id, now=now).policy
    frame.header(
        "Policy simulator",
        f"What would other terms have made of the last {DAYS} days? Nothing is changed by looking.",
        tools=lambda: simulator_form.program_choice(list(known.values()), program),
    )
    typed = simulator_form.draw(policy, program)
    for fault in typed.faults:
        st.markdown(f":small[:orange[:material/edit:] {fmt.plain(fault)}]")
    if typed.faults:
        return
    try:
        changed = read_terms(typed.terms)
    except Refusal as refusal:
        st.markdown(f":small[:orange[:material/edit:] {fmt.plain(refusal.sentence)}]")
        return
    with st.spinner("Living the weeks again …", show_time=True):
        found = _replay(program.code, json.dumps(changed.model_dump(mode="json"), sort_keys=True))
    _result(found, policy, changed)


@st.cache_data(ttl=REPLAY_TTL_S, show_spinner=False)
def _replay(code: str, terms: str) -> Simulation:
    """Keyed by the terms as JSON, so that a run that only redraws lives nothing again."""
    with frame.reading() as conn:
        return simulate(conn, code, read_terms(json.loads(terms)), now=frame.now())


def _result(found: Simulation, policy: Policy, changed: Policy) -> None:
    changes = changes_between(policy, changed, found.currency)
    if found.actual.payouts == found.today.payouts == found.changed.payouts == 0:
        elements.empty(
            "Nothing to replay",
            f"No payout of this program was made since {found.since.day} {found.since:%b} {found.since.year}.",
            "history_toggle_off",
        )
        return
    if not changes:
        st.caption("Nothing is tried yet: change a term above, and the weeks are lived again under it.")
    _figures(found)
    pair = st.grid(2, min_column_width=400)
    card(
        pair,
        "cash",
        "Cash timing",
        f"gross put into payouts, added up; days in {found.zone}",
        figure=partial(_chart, found, colours.palette(st.context.theme.type)),
        table=partial(_days_table, found),
        numbers=found.days,
    )
    with elements.card(
        pair, "What it comes to", f"{fmt.count(found.partners, 'partner')} with money in these days"
    ):
        _compared(found)
    if changes:
        with elements.card(st.grid(1), "What is tried"):
            tables.rows(
                [(term, fmt.plain(before), fmt.plain(after)) for term, before, after in changes],
                ["Term", "In force", "Tried"],
            )
            if frame.person().may("change policies"):
                st.page_link(
                    "pages/programs.py",
                    label="Propose a change of the policy",
                    icon=":material/policy:",
                    query_params={"program": address.given("program") or "", "edit": "1"},
                )
    if (found.today.amount_by_day, found.today.partner_fee_minor) != (
        found.actual.amount_by_day,
        found.actual.partner_fee_minor,
    ):
        st.caption(
            "Today’s terms, lived again, differ from what happened: an earlier version, or other terms of a partner’s own,"
            " held in part of these days, a payout was an exception, a request was covered a day later, or a fee is taken of"
            " the sales’ gross, of which a replay knows the average. The effect of the change is the step from *Today’s"
            " terms* to *Tried*."
        )
    names = {
        "cash": "Cash timing",
        "payouts": "Payouts",
        "fees": "Fees",
        "caught": "Caught and missed",
        "left": "Left",
        "held": "Still held",
    }
    analytics_frame.definitions({names[key]: words for key, words in DEFINITIONS.items()}, found.zone)


def _figures(found: Simulation) -> None:
    today, changed, currency = found.today, found.changed, found.currency
    fees = [one.partner_fee_minor + one.platform_fee_minor for one in (today, changed)]
    grid = st.grid(4, min_column_width=220)
    for label, value, before in (
        ("Payouts", f"{changed.payouts:,}", f"{today.payouts:,}"),
        (
            f"Put into payouts, {currency}",
            fmt.money(changed.amount_minor, currency),
            fmt.money(today.amount_minor, currency),
        ),
        ("Fees", fmt.money(fees[1], currency), fmt.money(fees[0], currency)),
        (
            "Caught before payment",
            fmt.money(changed.caught_minor, currency),
            fmt.money(today.caught_minor, currency),
        ),
    ):
        grid.metric(
            label,
            value,
            delta=None,
            delta_description=f"today’s terms {before}",
            border=True,
            height="stretch",
        )


def _chart(found: Simulation, paint: colours.Palette) -> charts.Chart:
    series = [
        charts.Series("actual_minor", "Happened", "green", "line"),
        charts.Series("today_minor", "Today’s terms", "gray", "dots"),
        charts.Series("changed_minor", "Tried", "violet", "line"),
    ]
    chart = charts.money_over_time(
        found.days, series, currency=found.currency, colours=paint, height=charts.LEAD
    )
    ends = [int(found.days[column].iloc[-1]) for column in ("actual_minor", "today_minor", "changed_minor")]
    happened, today, tried = (fmt.money(minor, found.currency) for minor in ends)
    words = f"{happened} happened, {today} under today’s terms, {tried} under those tried"
    return charts.Chart(chart.figure, f"Put into payouts by {found.until:%d %b}: {words}.")


def _days_table(found: Simulation) -> None:
    names = {"actual_minor": "Happened", "today_minor": "Today’s terms", "changed_minor": "Tried"}
    shown = pd.DataFrame({"day": [f"{pd.Timestamp(day):%Y-%m-%d}" for day in found.days["day"]]})
    for column in names:
        shown[column] = [
            f"{fmt.money(int(minor), found.currency):>14}" for minor in found.days[column].tolist()
        ]
    st.dataframe(
        shown.iloc[::-1],
        hide_index=True,
        height=charts.LEAD,
        row_height=32,
        column_config={"day": st.column_config.TextColumn("Day", width=84)}
        | {column: tables.figures(label, width=110) for column, label in names.items()},
        alt="Put into payouts, added up per day.",
    )


def _compared(found: Simulation) -> None:
    currency = found.currency
    three = (found.actual, found.today, found.changed)

    def line(name: str, *values: str) -> tuple[str, ...]:
        return (name, *values)

    def money(name: str, field: str) -> tuple[str, ...]:
        return line(name, *(fmt.money(getattr(one, field), currency) for one in three))

    def events(name: str, count: str, minor: str) -> tuple[str, ...]:
        told = (f"{getattr(one, count):,} · {fmt.money(getattr(one, minor), currency)}" for one in three[1:])
        return line(name, fmt.ABSENT, *told)

    records: list[Any] = [
        line("Payouts", *(f"{one.payouts:,}" for one in three)),
        money("Partners’ fees", "partner_fee_minor"),
        money("Our fees", "platform_fee_minor"),
        money("Net", "net_minor"),
        events("Refunds caught", "caught", "caught_minor"),
        events("Refunds missed", "missed", "missed_minor"),
        # The same sum in every column: other terms move money between these three, and make none.
        money("Put into payouts", "amount_minor"),
        money("Left at the end", "left_minor"),
        money("Still held at the end", "held_minor"),
        line("**In all**", *(f"**{fmt.money(one.owed_minor, currency)}**" for one in three)),
    ]
    columns = ["", "Happened", "Today’s terms", "Tried"]
    tables.rows(records, columns, right=columns[1:])


page()
