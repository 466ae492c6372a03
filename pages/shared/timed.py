"""The line that tells of what is approved and waits for nothing but its time, so that nobody looks for it."""

from __future__ import annotations

from datetime import datetime

from core.reads.timed import Waits
from pages.shared import desk
from pages.shared.format import moment
from pages.shared.lines import line, quiet


def waiting_line(timed: Waits, now: datetime) -> None:
    """Draw it where there is any; it leads to them in the queue."""
    if not timed.count:
        return
    line(
        "1 waits for its time" if timed.count == 1 else f"{timed.count:,} wait for their time",
        quiet(f"first {moment(timed.next_at, desk.zone(), now)}"),
        page="pages/queue.py",
        icon="schedule_send",
        query={"view": "timed"},
    )
