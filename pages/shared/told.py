"""What the provider tells of by itself: whether the desk is up to date with it, and what got stuck."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.events.again import try_again
from core.reads.events import EventFigures, event_figures, stuck_events
from db.engine import Connection
from pages.shared import elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant
from pages.shared.decisions import Outcome, Work
from pages.shared.lines import card_text
from pages.shared.two_people import ask_why

SHOWN = 20
READ_LATE_AFTER = timedelta(minutes=10)
ACCOUNTS_LATE_AFTER = timedelta(hours=24)


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw how far the desk is with the provider's events; nothing where the provider tells of none."""
    if frame.settings().provider != "stripe":
        return
    with frame.reading() as conn:
        figures = event_figures(conn, "stripe", now=now)
        stuck = stuck_events(conn, limit=SHOWN) if figures.stuck else None
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
        ):
            note = "payments, refunds, accounts, banks; each applied once"
            st.markdown(
                f"{elements.title('What Stripe tells', note)}\u2002{_state(figures, now)}", width="content"
            )
            if (
                figures.stuck
                and frame.person().may("run jobs")
                and st.button("Try again", icon=":material/replay:", key="events-again", width="content")
            ):
                _ask(figures.stuck)
        st.markdown(f":small[{_told(figures, now, zone)}]")
        if stuck is not None:
            records = [
                (
                    fmt.ago(instant(row.created_at), now),
                    fmt.plain(str(row.kind)),
                    _about(str(row.object_ref), card_text(row.account)),
                    fmt.plain(str(row.error)),
                )
                for row in tables.each(stuck)
            ]
            tables.rows(records, ["Happened", "What", "About", "Why it is stuck"])
            if figures.stuck > SHOWN:
                st.caption(f"and {fmt.count(figures.stuck - SHOWN, 'more', 'more')}, told of later")


def _about(object_ref: str, account: str) -> str:
    return fmt.plain(object_ref) + (f" :gray[on {fmt.plain(account)}]" if account else "")


def _state(figures: EventFigures, now: datetime) -> str:
    if figures.stuck:
        return status.tag(f"{figures.stuck:,} stuck", "error", "orange")
    if figures.read_at is None or now - figures.read_at > READ_LATE_AFTER:
        return status.badge("late", "Not read lately")
    return status.badge("on_time", "Up to date")


def _told(figures: EventFigures, now: datetime, zone: ZoneInfo) -> str:
    parts = [f"List read {fmt.ago(figures.read_at, now)}" if figures.read_at else "List never read so far"]
    if figures.stuck:
        parts.append(f"oldest stuck for {fmt.span(now - (figures.oldest_stuck or now))}")
    if figures.waiting:
        oldest = fmt.span(now - (figures.oldest_waiting or now))
        parts.append(f"{fmt.count(figures.waiting, 'event')} under way, oldest {oldest}")
    asked = figures.questions
    if asked.accounts and asked.oldest is not None:
        words = (
            f"{fmt.count(asked.accounts, 'account')} asked about, longest ago {fmt.ago(asked.oldest, now)}"
        )
        parts.append(f":orange[{words}]" if now - asked.oldest > ACCOUNTS_LATE_AFTER else words)
    if figures.missed is not None:
        since, until = (fmt.moment(at, zone, now) for at in figures.missed)
        parts.append(
            f":orange[nothing was read of {since} to {until}]: reconcile finds transfers, payments and refunds come by"
            " import"
        )
    return " · ".join(parts)


def _ask(stuck: int) -> None:
    ask_why(
        "Try again",
        "replay",
        f"{fmt.count(stuck, 'event')} could not be applied. Each is tried once more, from what Stripe shows now; nothing"
        " is ever applied twice.",
        name="events_again",
        work=_again,
    )


def _again(why: str) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        tried = try_again(conn, reason=why, actor=actor, now=now)
        return Outcome(
            badge="done", headline=f"{fmt.count(tried, 'event')} will be tried again within a minute."
        )

    return run
