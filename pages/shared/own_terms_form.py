"""A partner's own terms as fields to fill in; what is left empty is the tier's or the program's."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.fees import NO_FEE
from core.money import plain
from core.policy import METHODS, Overrides, Policy
from core.reads.terms import days_words, fee_words, schedule_words
from core.reads.words import METHOD_WORDS
from pages.shared import elements, schedule_form, tables
from pages.shared import format as fmt
from pages.shared.schedule_form import SCHEDULES
from pages.shared.typed import Typed

AS_THE_PROGRAM = "program"
HOLDS = {
    "hold_days": "After the event",
    "new_partner_days": "While new",
    "destination_change_days": "After a new destination",
}
DAYS_MAX = 3_660
ON, OFF = "on", "off"


def draw(own: Overrides, otherwise: Policy, *, currency: str, prefix: str) -> Typed:
    """Draw the fields, filled with a partner's own terms, and return what they hold now; `otherwise` is what holds for
    the partner without them.
    """
    typed = Typed(prefix=prefix, currency=currency, terms={})
    cards = st.grid(2, min_column_width=400)
    _schedule(cards, own, otherwise, typed)
    _holds(cards, own, otherwise, typed)
    _limits(cards, own, otherwise, typed)
    _fees(own, otherwise, typed)
    return typed


def _schedule(cards: DeltaGenerator, own: Overrides, otherwise: Policy, typed: Typed) -> None:
    now = {} if own.schedule is None else own.schedule.model_dump(mode="json")
    names = {AS_THE_PROGRAM: f"As the program: {schedule_words(otherwise.schedule)}"} | SCHEDULES
    with elements.card(cards, "When they are paid", "days of the program’s zone"):
        kind = st.selectbox(
            "Paid",
            list(names),
            index=list(names).index(now.get("kind", AS_THE_PROGRAM)),
            format_func=names.__getitem__,
            key=typed.key("schedule"),
        )
        if kind != AS_THE_PROGRAM:
            typed.terms["schedule"] = schedule_form.fields(kind, now, typed)


def _holds(cards: DeltaGenerator, own: Overrides, otherwise: Policy, typed: Typed) -> None:
    holds = {
        "hold_days": otherwise.hold.days,
        "new_partner_days": otherwise.hold.new_partner_days,
        "destination_change_days": otherwise.hold.destination_change_days,
    }
    with elements.card(cards, "How long money is held", "days of 24 hours, for what is earned from then on"):
        for name, label in HOLDS.items():
            days = st.number_input(
                f"{label}, days",
                0,
                DAYS_MAX,
                getattr(own, name),
                key=typed.key(name),
                placeholder=f"as the program: {days_words(holds[name])}",
            )
            if days is not None:
                typed.terms[name] = int(days)


def _limits(cards: DeltaGenerator, own: Overrides, otherwise: Policy, typed: Typed) -> None:
    with elements.card(cards, "How much at once, and who approves"):
        limits: dict[str, tuple[str, int | None]] = {
            "min_payout_minor": ("Minimum payout", otherwise.min_payout_minor),
            "max_per_partner_month_minor": ("At most a month", otherwise.max_per_partner_month_minor),
        }
        for name, (label, minor) in limits.items():
            known = "no limit" if minor is None else plain(minor, typed.currency)
            said = typed.amount(label, name, getattr(own, name), otherwise=f"as the program: {known}")
            if said is not None:
                typed.terms[name] = said
        switched = "on" if otherwise.auto_payout_enabled else "off"
        names = {AS_THE_PROGRAM: f"As the program: {switched}", ON: "On", OFF: "Off"}
        now = {None: AS_THE_PROGRAM, True: ON, False: OFF}[own.auto_payout_enabled]
        chosen = st.selectbox(
            "Approval by the policy",
            list(names),
            index=list(names).index(now),
            format_func=names.__getitem__,
            key=typed.key("auto"),
            help="Works only where the program’s policy approves by itself, within its limits",
        )
        if chosen != AS_THE_PROGRAM:
            typed.terms["auto_payout_enabled"] = chosen == ON


def _fees(own: Overrides, otherwise: Policy, typed: Typed) -> None:
    rows = []
    for method in METHODS:
        fee = own.fees.get(method)
        said = fee or NO_FEE
        rows.append(
            (
                METHOD_WORDS[method],
                fee is not None,
                f"{said.pct.normalize():f}",
                plain(said.fixed_minor, typed.currency),
                said.base,
                said.payer,
                fee_words(otherwise.fee(method), typed.currency),
            )
        )
    columns = ["method", "own", "pct", "fixed", "base", "payer", "otherwise"]
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("What a payout costs them", "where ticked; otherwise as the program says"))
        edited = st.data_editor(
            pd.DataFrame(rows, columns=columns),
            key=typed.key("fees"),
            hide_index=True,
            column_config={
                "method": st.column_config.TextColumn("Method", disabled=True),
                "own": st.column_config.CheckboxColumn("Own"),
                "pct": st.column_config.TextColumn("%"),
                "fixed": st.column_config.TextColumn(f"Fixed, {typed.currency}"),
                "base": st.column_config.SelectboxColumn("% of", options=["net", "gross"], required=True),
                "payer": st.column_config.SelectboxColumn(
                    "Borne by", options=["partner", "platform"], required=True
                ),
                "otherwise": st.column_config.TextColumn("As the program", disabled=True),
            },
        )
    fees: dict[str, Any] = {}
    for method, row in zip(METHODS, tables.each(edited), strict=True):
        if row.own:
            label = f"Fee by {fmt.method(method)}"
            fees[method] = {
                "pct": typed.percentage(label, str(row.pct)),
                "fixed_minor": typed.minor(label, str(row.fixed), 0) or 0,
                "base": row.base,
                "payer": row.payer,
            }
    if fees:
        typed.terms["fees"] = fees
