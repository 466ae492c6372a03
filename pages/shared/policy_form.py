"""The terms of a policy as fields to fill in; what is typed becomes terms, and whether they hold is the domain's to say."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.commission import External, FlatMonthly, FlatOnce, Percent, Tiered
from core.money import plain
from core.policy import METHODS, Policy
from core.reads.programs import ladder_words
from pages.shared import automatic_form, elements, messages_form, schedule_form, sending_form, tables
from pages.shared import format as fmt
from pages.shared.schedule_form import SCHEDULES
from pages.shared.typed import Typed

SECONDS = {"min": 60, "h": 3_600, "d": 86_400}
DAYS_MAX, SERVICES_MAX = 3_660, 100_000


def draw(policy: Policy, *, currency: str, prefix: str) -> Typed:
    """Draw the fields, filled with a policy, and return what they hold now."""
    typed = Typed(prefix=prefix, currency=currency, terms=policy.model_dump(mode="json"))
    cards = st.grid(2, min_column_width=400)
    _commission(cards, policy, typed)
    _limits(cards, policy, typed)
    _holds(cards, policy, typed)
    _schedule(cards, policy, typed)
    _fees(cards, policy, typed)
    _retries(cards, policy, typed)
    automatic_form.draw(cards, policy, typed)
    sending_form.draw(cards, policy, typed)
    messages_form.draw(cards, policy, typed)
    if policy.tiers:
        _tiers(policy, typed)
    return typed


def _commission(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    commission = policy.commission
    said = typed.terms["commission"]
    with elements.card(cards, "How partners earn"):
        match commission:
            case FlatOnce():
                said["amount_minor"] = typed.amount("Bounty", "bounty", commission.amount_minor) or 0
                said["active_days"] = _days("Active for", "active", commission.active_days, typed)
            case FlatMonthly():
                said["amount_minor"] = typed.amount("A month, each", "monthly", commission.amount_minor) or 0
            case Percent():
                share = st.text_input(
                    "Of each sale, %", value=f"{commission.pct.normalize():f}", key=typed.key("share")
                )
                said["pct"] = typed.percentage("Of each sale", share)
            case Tiered():
                _steps(commission, typed)
            case External():
                st.caption("What arrives is the commission itself.")


def _steps(commission: Tiered, typed: Typed) -> None:
    said = typed.terms["commission"]
    base = st.text_input(
        "Of a month’s services, %", value=f"{commission.base_pct.normalize():f}", key=typed.key("base")
    )
    said["base_pct"] = typed.percentage("Of a month’s services", base)
    steps = pd.DataFrame(
        [(step.above_services, f"{step.pct.normalize():f}") for step in commission.steps],
        columns=["above", "pct"],
    )
    edited = st.data_editor(
        steps,
        key=typed.key("steps"),
        hide_index=True,
        num_rows="dynamic",
        column_config={
            "above": st.column_config.NumberColumn(
                "Above, services", min_value=1, max_value=SERVICES_MAX, step=1
            ),
            "pct": st.column_config.TextColumn("Share, %"),
        },
    ).dropna()
    said["steps"] = [
        {
            "above_services": int(row.above),
            "pct": typed.percentage(f"Above {row.above} services", str(row.pct)),
        }
        for row in tables.each(edited)
    ]
    bonus = commission.bonus
    if bonus is not None:
        points = st.text_input(
            "Bonus, points", value=f"{bonus.points.normalize():f}", key=typed.key("points")
        )
        above = typed.amount("Bonus above a gross of", "bonus", bonus.above_gross_minor)
        said["bonus"] = {
            "points": typed.percentage("Bonus", points),
            "above_gross_minor": above or 0,
        }


def _limits(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    with elements.card(cards, "How much at once, and who approves"):
        minimum = typed.amount("Minimum payout", "minimum", policy.min_payout_minor)
        _say(typed, policy, "min_payout_minor", minimum or 0)
        most = typed.amount("At most a month for one partner", "cap", policy.max_per_partner_month_minor)
        _say(typed, policy, "max_per_partner_month_minor", most)
        dual = typed.amount("A second person above", "dual", policy.approval.dual_above_minor)
        typed.terms["approval"]["dual_above_minor"] = dual or 0
        one = st.checkbox("Only one open request at a time", policy.one_open_request, key=typed.key("one"))
        _say(typed, policy, "one_open_request", one)


def _holds(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    names = {
        "days": "After the event",
        "new_partner_days": "While a partner is new",
        "destination_change_days": "After a new destination",
    }
    with elements.card(cards, "How long money is held", "days of 24 hours"):
        hold = dict(typed.terms.get("hold", {}))
        for name, label in names.items():
            days = _days(label, name, getattr(policy.hold, name), typed)
            if days != getattr(policy.hold, name):
                hold[name] = days
        if hold:
            typed.terms["hold"] = hold


def _schedule(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    now = policy.schedule.model_dump(mode="json")
    with elements.card(cards, "When partners are paid", "unless a partner has a schedule of its own"):
        kind = st.selectbox(
            "Paid",
            list(SCHEDULES),
            index=list(SCHEDULES).index(policy.schedule.kind),
            format_func=SCHEDULES.__getitem__,
            key=typed.key("schedule"),
        )
        said = schedule_form.fields(kind, now, typed)
        if said != now:
            typed.terms["schedule"] = said


def _fees(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    rows = [
        (
            fmt.method(method),
            f"{fee.pct.normalize():f}",
            plain(fee.fixed_minor, typed.currency),
            fee.base,
            fee.payer,
        )
        for method in METHODS
        for fee in [policy.fee(method)]
    ]
    before = pd.DataFrame(rows, columns=["method", "pct", "fixed", "base", "payer"])
    with elements.card(cards, "What a payout costs", "by method; a percentage and a fixed part"):
        edited = st.data_editor(
            before,
            key=typed.key("fees"),
            hide_index=True,
            column_config={
                "method": st.column_config.TextColumn("Method", disabled=True),
                "pct": st.column_config.TextColumn("%"),
                "fixed": st.column_config.TextColumn(f"Fixed, {typed.currency}"),
                "base": st.column_config.SelectboxColumn("% of", options=["net", "gross"], required=True),
                "payer": st.column_config.SelectboxColumn(
                    "Borne by", options=["partner", "platform"], required=True
                ),
            },
        )
    fees = dict(typed.terms.get("fees", {}))
    for method, row, was in zip(METHODS, tables.each(edited), tables.each(before), strict=True):
        if tuple(row) != tuple(was):
            label = f"Fee by {fmt.method(method)}"
            fees[method] = {
                "pct": typed.percentage(label, str(row.pct)),
                "fixed_minor": typed.minor(label, str(row.fixed), 0) or 0,
                "base": row.base,
                "payer": row.payer,
            }
    if fees:
        typed.terms["fees"] = fees


def _retries(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    retry = policy.retry
    with elements.card(cards, "After a refusal for now", "a final no is never tried again"):
        said = {
            name: _ladder(label, name, ladder_words(getattr(retry, name)), typed)
            for name, label in (("transient", "After a fault"), ("limits", "After a limit"))
        }
        most = st.number_input("Tries after the first, at most", 0, 10, retry.max, key=typed.key("retries"))
    now = {name: [f"{pause.total_seconds():.0f}" for pause in getattr(retry, name)] for name in said}
    if said != now or most != retry.max:
        ladders = {name: [f"PT{seconds}S" for seconds in pauses] for name, pauses in said.items()}
        typed.terms["retry"] = ladders | {"max": most}


def _ladder(label: str, name: str, words: str, typed: Typed) -> list[str]:
    pauses = []
    for part in st.text_input(label, value=words, key=typed.key(name)).split(","):
        number, _, unit = part.strip().partition(" ")
        if not (number.isdigit() and unit in SECONDS):
            typed.faults.append(f"{label}: {part.strip()} is no pause; write 5 min, 15 min, 1 h or 7 d")
            continue
        pauses.append(str(int(number) * SECONDS[unit]))
    return pauses


def _tiers(policy: Policy, typed: Typed) -> None:
    shown = pd.DataFrame(
        [
            (code, "" if terms.min_payout_minor is None else plain(terms.min_payout_minor, typed.currency))
            for code, terms in policy.tiers.items()
        ],
        columns=["tier", "minimum"],
    )
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Tiers", "an empty minimum is the program’s"))
        edited = st.data_editor(
            shown,
            key=typed.key("tiers"),
            hide_index=True,
            column_config={
                "tier": st.column_config.TextColumn("Tier", disabled=True),
                "minimum": st.column_config.TextColumn(f"Minimum payout, {typed.currency}"),
            },
        )
    for row in tables.each(edited):
        terms = dict(typed.terms["tiers"][row.tier])
        minimum = typed.minor(f"Minimum of {row.tier}", str(row.minimum or "").strip(), None)
        terms.pop("min_payout_minor", None)
        typed.terms["tiers"][row.tier] = terms | ({} if minimum is None else {"min_payout_minor": minimum})


def _days(label: str, name: str, days: int, typed: Typed) -> int:
    return int(st.number_input(f"{label}, days", 0, DAYS_MAX, days, key=typed.key(name)))


def _say(typed: Typed, policy: Policy, name: str, value: object) -> None:
    """Write a term only when it is not what holds anyway: what is built in stays recognisable."""
    if value != getattr(policy, name):
        typed.terms[name] = value
