"""Whether everything runs, as Overview shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.reads.overview import Overview
from pages.shared import format as fmt
from pages.shared import status
from pages.shared.lines import card_text, line, quiet

OPERATIONS = "pages/operations.py"
HEALTH = {"ok": "on_time", "late": "late", "failing": "failing", "silent": "failing"}


def draw(seen: Overview, now: datetime) -> None:
    """Draw the scheduler, the books and what is ill, each with its state; the rest is counted."""
    health = seen.health
    first = health["name"].isin(["scheduler", "books"])
    ill = ~first & (health["state"] != "ok")
    well = int((~first & (health["state"] == "ok")).sum())
    with st.container(gap="xxsmall"):
        for row in pd.concat([health[first], health[ill]]).itertuples(name="Health"):
            line(str(row.name).capitalize(), _state(row, now), page=OPERATIONS)
        if well:
            line(f"{fmt.count(well, 'other job')}", status.badge("on_time"), page=OPERATIONS)
        elif not ill.any():
            line("Jobs", quiet("none has run yet"), page=OPERATIONS)


def _state(row: Any, now: datetime) -> str:  # noqa: ANN401 - a row of the health frame
    match str(row.name), str(row.state):
        case "scheduler", "ok":
            return status.badge("on_time", fmt.ago(row.at, now))
        case "scheduler", _:
            return status.badge(
                "failing", f"Silent, {fmt.ago(row.at, now)}" if card_text(row.at) else "Never seen"
            )
        case "books", "ok":
            return status.badge("on_time", "Agree")
        case "books", _:
            return status.badge("failing", "Differ")
        case _, state:
            return status.badge(HEALTH[state])
