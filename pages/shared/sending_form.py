"""When approved payouts leave, as fields to fill in: the delay after the approval, and the hours of the week."""

from __future__ import annotations

from datetime import time
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.policy import Policy
from core.reads.send_words import SHORT, delay_words
from core.send_terms import QUARTER, Hours
from pages.shared import elements, tables
from pages.shared.typed import Typed

SECONDS = {"min": 60, "h": 3_600, "d": 86_400}
RULES = {"Only": "only", "Never": "never"}
COLUMNS = ["rule", "weekdays", "begins", "ends"]


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
        )
        rows = pd.DataFrame(
            [_row("Only", hours) for hours in sending.only]
            + [_row("Never", hours) for hours in sending.never],
            columns=COLUMNS,
        )
        edited = st.data_editor(
            rows.astype({"rule": "object", "weekdays": "object", "begins": "object", "ends": "object"}),
            key=typed.key("hours"),
            hide_index=True,
            num_rows="dynamic",
            column_config={
                "rule": st.column_config.SelectboxColumn("They leave", options=list(RULES), required=True),
                "weekdays": st.column_config.MultiselectColumn("On", options=list(SHORT), required=True),
                "begins": st.column_config.TimeColumn("From", format="HH:mm", step=QUARTER, required=True),
                "ends": st.column_config.TimeColumn("To", format="HH:mm", step=QUARTER, required=True),
            },
        )
        passes = st.checkbox(
            "Urgent ones leave at any hour", sending.urgent_passes, key=typed.key("urgent_passes")
        )
        st.caption(
            "Without a row they leave at any hour. Hours that end before they begin run past midnight; 00:00 to 00:00 is"
            " the whole day."
        )
    said: dict[str, Any] = {
        "delay": f"PT{_seconds(written.strip(), typed)}S",
        "only": [],
        "never": [],
        "urgent_passes": passes,
    }
    for row in tables.each(edited):
        _read(row, said, typed)
    now = {"delay": f"PT{sending.delay.total_seconds():.0f}S"} | {
        name: [_said(hours) for hours in getattr(sending, name)] for name in ("only", "never")
    }
    if said != now | {"urgent_passes": sending.urgent_passes}:
        typed.terms["sending"] = said


def _row(rule: str, hours: Hours) -> tuple[str, list[str], time, time]:
    return rule, [SHORT[weekday - 1] for weekday in hours.weekdays], hours.begins, hours.ends


def _said(hours: Hours) -> dict[str, object]:
    return {
        "weekdays": list(hours.weekdays),
        "begins": f"{hours.begins:%H:%M}",
        "ends": f"{hours.ends:%H:%M}",
    }


def _seconds(written: str, typed: Typed) -> int:
    words = written.split()
    numbers, units = words[::2], words[1::2]
    if len(words) % 2 or not all(number.isdecimal() for number in numbers) or not set(units) <= set(SECONDS):
        typed.faults.append(f"Wait after the approval: {written} is no time; write 30 min, 2 h or 1 d")
        return 0
    return sum(int(number) * SECONDS[unit] for number, unit in zip(numbers, units, strict=True))


def _read(row: Any, said: dict[str, Any], typed: Typed) -> None:  # noqa: ANN401 - a row of the editor
    complete = isinstance(row.begins, time) and isinstance(row.ends, time) and row.rule in RULES
    if not complete or not isinstance(row.weekdays, list | tuple) or not row.weekdays:
        typed.faults.append("When approved payouts leave: a row takes its weekdays, from and to")
        return
    weekdays = sorted(SHORT.index(weekday) + 1 for weekday in row.weekdays)
    hours = {"weekdays": weekdays, "begins": f"{row.begins:%H:%M}", "ends": f"{row.ends:%H:%M}"}
    said[RULES[row.rule]].append(hours)
