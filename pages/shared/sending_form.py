"""When approved payouts leave, as fields to fill in: the delay after the approval, and the hours of the week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.policy import Policy
from core.reads.send_words import SHORT, delay_words
from core.send_terms import MOST_HOURS, QUARTER, Hours
from pages.shared import elements
from pages.shared.typed import Typed

SECONDS = {"min": 60, "h": 3_600, "d": 86_400}
AT_ANY_HOUR, ONLY, NEVER = "at any hour", "only in", "never in"
ALSO = "and no other rule"
RULES = {ONLY: "only", NEVER: "never"}
WORKDAYS, OFFICE = (1, 2, 3, 4, 5), (time(9), time(17))


def draw(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    """Draw the card and write what it says as terms."""
    sending = policy.sending
    with elements.card(cards, "When approved payouts leave", "by the clock of the program’s zone"):
        written = st.text_input(
            "Wait after the approval",
            value=delay_words(sending.delay) if sending.delay else "",
            key=typed.key("delay"),
            placeholder="none",
            help="30 min, 2 h or 1 d. Until it is over one click takes the approval back, and nobody can shorten it.",
            max_chars=24,
        ).strip()
        given = [(ONLY, hours) for hours in sending.only] + [(NEVER, hours) for hours in sending.never]
        rules = _rules(given, typed)
        passes = sending.urgent_passes
        if rules:
            passes = st.checkbox("Urgent ones leave at any hour", passes, key=typed.key("urgent_passes"))
            st.caption("Hours that end before they begin run past midnight; 00:00 to 00:00 is the whole day.")
    delay_s = _seconds(written, typed)
    said: dict[str, Any] = {"only": [], "never": [], "urgent_passes": passes and bool(rules)}
    for rule, hours in rules:
        said[RULES[rule]].append(hours)
    before = sending.model_dump(mode="json") | {"delay": round(sending.delay.total_seconds())}
    if said | {"delay": delay_s} != before:
        typed.terms["sending"] = said | {"delay": f"PT{delay_s}S"}


def _rules(given: Sequence[tuple[str, Hours]], typed: Typed) -> list[tuple[str, dict[str, object]]]:
    """What the rows say; an empty one follows the last that says something."""
    found = []
    for place in range(MOST_HOURS):
        rule, hours = given[place] if place < len(given) else (None, None)
        said = _row(place, rule, hours, typed)
        if said is not None:
            found.append(said)
        elif place >= len(given):
            break
    return found


def _row(
    place: int, rule: str | None, hours: Hours | None, typed: Typed
) -> tuple[str, dict[str, object]] | None:
    nothing = ALSO if place else AT_ANY_HOUR
    options = [nothing, *RULES]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "They leave",
            options,
            index=options.index(rule or nothing),
            key=typed.key(f"hours-rule-{place}"),
            width=170,
            label_visibility="collapsed" if place else "visible",
        )
        if chosen == nothing:
            return None
        begins, ends = (hours.begins, hours.ends) if hours else OFFICE
        begins = _time("From", f"hours-from-{place}", begins, typed)
        ends = _time("To", f"hours-to-{place}", ends, typed)
    weekdays = st.pills(
        "On",
        range(1, len(SHORT) + 1),
        selection_mode="multi",
        default=hours.weekdays if hours else WORKDAYS,
        format_func=lambda number: SHORT[number - 1],
        key=typed.key(f"hours-on-{place}"),
        label_visibility="collapsed",
    )
    if not weekdays:
        typed.faults.append("When approved payouts leave: choose the weekdays of the hours")
    told: dict[str, object] = {
        "weekdays": sorted(weekdays),
        "begins": begins.isoformat(),
        "ends": ends.isoformat(),
    }
    return chosen, told


def _time(label: str, name: str, at: time, typed: Typed) -> time:
    chosen = st.time_input(label, at, step=QUARTER, key=typed.key(name), width=120)
    return at if chosen is None else chosen


def _seconds(written: str, typed: Typed) -> int:
    words = written.split()
    numbers, units = words[::2], words[1::2]
    if len(words) % 2 or not all(number.isdecimal() for number in numbers) or not set(units) <= set(SECONDS):
        typed.faults.append(f"Wait after the approval: {written} is no time; write 30 min, 2 h or 1 d")
        return 0
    return sum(int(number) * SECONDS[unit] for number, unit in zip(numbers, units, strict=True))
