"""How the desk is, figure and limit side by side: what is over its limit comes first, and each leads to its cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from core.alerts import UNKNOWN_AFTER, Rate
from core.reads.operations import BEAT_IS_OLD_S, STUCK_AFTER_MIN, Beat
from pages.shared import elements, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to

NONE, DAY_H = "none", 24


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure with its limit in words; `over` None says that the cases are too few for a figure."""

    what: str
    now: str
    limit: str
    over: bool | None


def lines(
    beat: Beat,
    unknown: pd.DataFrame,
    stuck: pd.DataFrame,
    rates: list[Rate],
    *,
    differences: int,
    now: datetime,
) -> list[Line]:
    """Return every figure, those over their limit first."""
    asked, waits = _age(unknown, "first_sent_at", now), _age(stuck, "since", now)
    found = [
        Line(
            what="The scheduler’s last sign of life",
            now=f"{fmt.span(timedelta(seconds=beat.age_s))} ago" if beat.age_s is not None else "never",
            limit=f"{BEAT_IS_OLD_S:g} s",
            over=not beat.alive,
        ),
        Line(
            what=linked_to("queue", "Oldest unknown outcome", view="all", status="processing"),
            now=_length(asked),
            limit=fmt.span(UNKNOWN_AFTER),
            over=asked is not None and asked > UNKNOWN_AFTER,
        ),
        Line(
            what="Longest that a payout is stuck",
            now=_length(waits),
            limit=f"{STUCK_AFTER_MIN} min",
            over=waits is not None,
        ),
        Line(
            what=linked_to("reconciliation", "Differences to the provider’s books"),
            now=f"{differences:,}",
            limit="0",
            over=differences > 0,
        ),
        *(_rate(rate) for rate in rates),
    ]
    return sorted(found, key=lambda line: line.over is not True)


def _age(found: pd.DataFrame, column: str, now: datetime) -> timedelta | None:
    since = None if found.empty else instant(found[column].iloc[0])
    return None if since is None else now - since


def _length(age: timedelta | None) -> str:
    """A length beside its limit: `1 h 15 min` is over an hour, and says so."""
    if age is None:
        return NONE
    hours, minutes = divmod(int(age.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if 0 < hours < DAY_H else fmt.span(age)


WORDS = {
    "failure_rate": (
        linked_to("queue", "Payouts that failed, last 24 hours", view="all", status="failed"),
        "%",
    ),
    "webhook_failures": ("Provider’s events not applied, last 24 hours", "%"),
    "slow_processing": (linked_to("analytics", "Time at the provider, last hour", view="speed"), " s"),
    "volume_drop": (linked_to("analytics", "Fewer paid yesterday than on that weekday before"), "%"),
}


def _rate(rate: Rate) -> Line:
    what, unit = WORDS[rate.name]
    found = "too few for a figure" if rate.found is None else f"{max(rate.found, 0):g}{unit}"
    return Line(
        what=what, now=found, limit=f"{rate.limit}{unit}", over=None if rate.found is None else rate.over
    )


def card(found: list[Line]) -> None:
    """Draw them."""
    over = sum(line.over is True for line in found)
    note = f"{over:,} over the limit, these first" if over else "all within their limits"
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Health", note))
        records = [(line.what, line.now, line.limit, _state(line)) for line in found]
        tables.rows(records, ["What", "Now", "Limit", "State"], right=["Now", "Limit"])


def _state(line: Line) -> str:
    if line.over is None:
        return status.tag("Too few", "remove")
    return status.tag("Over", "error", "red") if line.over else status.tag("Within", "check_circle", "green")
