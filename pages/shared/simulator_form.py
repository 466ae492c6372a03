"""The few terms the simulator tries: hold, minimum, schedule and fee, as fields whose values stand in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.policy import METHODS, Policy
from core.programs import Program
from core.reads.terms import WEEKDAYS, schedule_words
from pages.shared import address
from pages.shared.typed import Typed

DAYS_MAX = 365
AS_IT_IS = "as-it-is"
TRIED = ("hold", "minimum", "schedule", "fixed", "pct")


def program_choice(known: list[Program], program: Program) -> None:
    """Draw the choice of the program; another one begins with its own terms."""
    codes = [one.code for one in known]
    words = {one.code: f"{one.name} · {one.currency}" for one in known}
    st.button(
        "As it is",
        icon=":material/restart_alt:",
        type="tertiary",
        on_click=_forget,
        help="Try nothing, and see the terms in force lived again",
    )
    st.selectbox(
        "Program",
        codes,
        index=codes.index(program.code),
        format_func=words.__getitem__,
        label_visibility="collapsed",
        key="simulated-program",
        width=220,
        on_change=_another,
    )


def _another() -> None:
    _forget()
    address.put(program=st.session_state["simulated-program"])


def _forget() -> None:
    address.put(**dict.fromkeys(TRIED, None))
    for name in TRIED:
        for key in [
            one for one in st.session_state if str(one).startswith("tried-") and str(one).endswith(f"-{name}")
        ]:
            del st.session_state[key]


def draw(policy: Policy, program: Program) -> Typed:
    """Draw the fields, filled with the terms in force or with those of the address, and return what they hold."""
    typed = Typed(
        prefix=f"tried-{program.code}", currency=program.currency, terms=policy.model_dump(mode="json")
    )
    with st.container(border=True):
        grid = st.grid(5, min_column_width=150)
        with grid.container():
            _hold(policy, typed)
        with grid.container():
            _minimum(policy, typed)
        with grid.container():
            _schedule(policy, typed)
        with grid.container():
            fixed = _field(typed, "fixed", f"Fixed fee, {program.currency}", "as it is")
        with grid.container():
            pct = _field(typed, "pct", "Fee, %", "as it is")
    _fees(policy, typed, fixed, pct)
    return typed


def _field(typed: Typed, name: str, label: str, placeholder: str) -> str:
    key = typed.key(name)
    return st.text_input(
        label,
        address.given(name),
        key=key,
        placeholder=placeholder,
        max_chars=24,
        on_change=address.remember(key, name),
    ).strip()


def _hold(policy: Policy, typed: Typed) -> None:
    key, given = typed.key("hold"), address.given("hold")
    usual = policy.hold.days
    days = int(given) if given.isascii() and given.isdigit() and int(given) <= DAYS_MAX else usual
    chosen = int(
        st.number_input(
            "Held, days",
            0,
            DAYS_MAX,
            days,
            key=key,
            on_change=address.remember(key, "hold", default=str(usual)),
        )
    )
    if chosen != usual:
        typed.terms["hold"] = dict(typed.terms.get("hold", {})) | {"days": chosen}


def _minimum(policy: Policy, typed: Typed) -> None:
    written = _field(typed, "minimum", f"Minimum, {typed.currency}", "as it is")
    minimum = typed.minor("Minimum", written, None)
    if minimum is not None and minimum != policy.min_payout_minor:
        typed.terms["min_payout_minor"] = minimum


def _schedule(policy: Policy, typed: Typed) -> None:
    options: dict[str, dict[str, Any]] = {"on_request": {"kind": "on_request"}, "daily": {"kind": "daily"}}
    options |= {f"weekly-{day}": {"kind": "weekly", "weekday": day} for day in range(1, 8)}
    options |= {f"monthly-{day}": {"kind": "monthly", "day": day} for day in (1, 15, 31)}
    usual = schedule_words(policy.schedule)
    words = {AS_IT_IS: f"{usual[0].upper()}{usual[1:]} (as it is)"}
    words |= {"on_request": "On request", "daily": "Daily"}
    words |= {f"weekly-{day}": f"{WEEKDAYS[day - 1]}s" for day in range(1, 8)}
    words |= {
        "monthly-1": "On the 1st of the month",
        "monthly-15": "On the 15th",
        "monthly-31": "On the last of the month",
    }
    given, key = address.one_of("schedule", words, AS_IT_IS), typed.key("schedule")
    chosen = st.selectbox(
        "Paid",
        list(words),
        index=list(words).index(given),
        format_func=words.__getitem__,
        key=key,
        on_change=address.remember(key, "schedule", default=AS_IT_IS),
    )
    if chosen in options:
        typed.terms["schedule"] = options[chosen]


def _fees(policy: Policy, typed: Typed, fixed: str, pct: str) -> None:
    """What is typed holds for every method; what is left empty stays as it is."""
    fixed_minor = typed.minor("Fixed fee", fixed, None)
    share = typed.percentage("Fee", pct) if pct else None
    if fixed_minor is None and share is None:
        return
    tried: dict[str, Any] = {} if fixed_minor is None else {"fixed_minor": fixed_minor}
    tried |= {} if share is None else {"pct": share}
    typed.terms["fees"] = {method: policy.fee(method).model_dump(mode="json") | tried for method in METHODS}
