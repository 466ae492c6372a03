"""The fields of a schedule, for a program and for one partner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from core.reads.terms import WEEKDAYS
from pages.shared.typed import Typed

SCHEDULES = {
    "on_request": "On request",
    "daily": "Daily",
    "weekly": "Weekly",
    "every_two_weeks": "Every two weeks",
    "monthly": "Monthly",
    "custom": "Every so many days",
}


def fields(kind: str, now: Mapping[str, Any], typed: Typed) -> dict[str, Any]:
    """Draw what a schedule of this kind needs, filled with one as JSON, and return the schedule as it stands."""
    said: dict[str, Any] = {"kind": kind}
    if kind in ("weekly", "every_two_weeks"):
        said["weekday"] = st.selectbox(
            "On",
            range(1, 8),
            index=int(now.get("weekday", 5)) - 1,
            format_func=lambda number: WEEKDAYS[number - 1],
            key=typed.key("weekday"),
        )
    if kind == "monthly":
        help_ = "In a month too short for it, its last day"
        said["day"] = st.number_input(
            "On day", 1, 31, int(now.get("day", 1)), key=typed.key("day"), help=help_
        )
    if kind == "custom":
        said["every_days"] = st.number_input(
            "Days between", 1, 366, int(now.get("every_days", 10)), key=typed.key("every")
        )
    if kind in ("every_two_weeks", "custom"):
        anchor = date.fromisoformat(now["anchor"]) if "anchor" in now else "today"
        said["anchor"] = st.date_input("Counted from", anchor, key=typed.key("anchor")).isoformat()
    return said
