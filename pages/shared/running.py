"""Whether everything runs, as Overview shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.pauses import current_pauses
from core.reads.overview import Overview
from core.reads.standing_alerts import standing_alerts
from pages.shared import desk, status
from pages.shared import format as fmt
from pages.shared.cells import instant
from pages.shared.lines import card_text, line, quiet
from pages.shared.timetable import is_late

OPERATIONS = "pages/operations.py"
# What no other line of this page says.
ALERTS = {
    "failure_rate": "Payouts fail often",
    "webhook_failures": "Events are not applied",
    "slow_processing": "Slow at the provider",
    "volume_drop": "Fewer payouts than usual",
    "stuck_earnings": "Earnings are stuck on hold",
    "messages_failed": "Messages failed",
    "messages_late": "Messages are late",
    "stuck_events": "Events are stuck",
    "job_hangs": "A job hangs",
}
HEALTH = {"ok": "on_time", "late": "late", "failing": "failing", "silent": "failing"}


def draw(seen: Overview, now: datetime) -> None:
    """Draw the scheduler, the books, what the team is alerted of and what is ill; the rest is counted."""
    with desk.reading() as conn:
        alerts = [one for one in standing_alerts(conn) if one.name in ALERTS]
    health = _with_the_late(seen.health, now)
    first = health["name"].isin(["scheduler", "books"])
    ill = ~first & (health["state"] != "ok")
    well = int((~first & (health["state"] == "ok")).sum())
    with st.container(gap="xxsmall"):
        for one in alerts:
            since = status.badge("failing", f"Since {fmt.moment(one.began_at, desk.zone(), now)}")
            line(ALERTS[one.name], since, page=OPERATIONS)
        for row in pd.concat([health[first], health[ill]]).itertuples(name="Health"):
            line(str(row.name).capitalize(), _state(row, now), page=OPERATIONS)
        if well:
            line(f"{fmt.count(well, 'other job')}", status.badge("on_time"), page=OPERATIONS)
        elif not ill.any():
            line("Jobs", quiet("none has run yet"), page=OPERATIONS)


def _with_the_late(health: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Call late what has missed its turn while the scheduler was there; what is paused misses it on purpose."""
    with desk.reading() as conn:
        paused = current_pauses(conn, now=now)
    alive = (health.loc[health["name"] == "scheduler", "state"] == "ok").all()
    late = []
    for row in health.itertuples(name="Health"):
        seen, name = instant(row.at), str(row.name)
        well = alive and row.state == "ok" and name not in paused
        late.append(well and seen is not None and is_late(name, seen, now))
    return health.assign(state=health["state"].mask(pd.Series(late, dtype=bool), "late"))


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
