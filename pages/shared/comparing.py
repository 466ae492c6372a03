"""The button that asks the scheduler to compare the books at once, and how far it is; the page itself asks no provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.reads.operations import scheduler_beat
from core.reconcile_requests import Request, ask_for_reconciliation, last_request
from db.engine import Connection
from pages.shared import desk, frame
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, decide, token_for
from pages.shared.faults import live

RIGHT = "compare books"
LOOK_EVERY_S = 2
# How long the page tells how a comparison that was asked for ended.
TOLD_FOR = timedelta(minutes=30)


def refresh(provider: str) -> None:
    """Draw the button, or while a comparison is asked for, who asked when and how far it is."""
    with frame.reading() as conn:
        last = last_request(conn)
    if last is not None and last.ended_at is None:
        _under_way(last.id)
    elif frame.person().may(RIGHT):
        name = "compare_books"
        st.button(
            f"Refresh from {provider}", icon=":material/sync:", key="refresh-books", width="content",
            on_click=decide, args=(name, token_for(name), _asking),
        )  # fmt: skip


@live(LOOK_EVERY_S)
def _under_way(request_id: int) -> None:
    now, zone = desk.now(), desk.zone()
    with desk.reading() as conn:
        last, beat = last_request(conn), scheduler_beat(conn)
    if last is None or last.id != request_id or last.ended_at is not None:
        desk.draw_anew()
    asked = f"Asked at {fmt.moment(last.asked_at, zone, now)} by {fmt.plain(fmt.person(last.asked_by))}"
    if not beat.alive:
        st.caption(f":material/schedule: {asked}; the scheduler is silent, and begins when it is back")
    elif last.began_at is None:
        st.caption(f":material/hourglass_top: {asked}, begins at once …")
    else:
        st.caption(f":material/sync: {asked}, comparing …")


def _asking(conn: Connection, actor: Actor, now: datetime) -> Outcome:
    standing = ask_for_reconciliation(conn, actor=actor, now=now)
    if standing.asked_by != actor.name or standing.asked_at != now:
        return Outcome(
            badge="waits",
            headline=f"{fmt.plain(fmt.person(standing.asked_by))} has asked already: it is under way.",
        )
    return Outcome(
        badge="waits",
        headline="The scheduler compares the books now.",
        then="The page shows it when it is done.",
    )


def ended(last: Request | None, now: datetime, zone: ZoneInfo) -> str:
    """Tell how the last comparison that was asked for ended, while that is news; "" otherwise."""
    if last is None or last.ended_at is None or now - last.ended_at > TOLD_FOR:
        return ""
    asked = f"asked for at {fmt.moment(last.asked_at, zone, now)} by {fmt.plain(fmt.person(last.asked_by))}"
    if last.fault:
        return f":orange[:material/error:] The comparison {asked} did not come to its end: {fmt.plain(last.fault)}"
    return f"The comparison {asked} is done."
