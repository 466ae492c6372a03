"""The stop switch as people see it: the banner of every page, and the card of Operations that stops and starts sending."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.proposals import open_proposals
from core.stops import Stop, current_stop, stop_sending
from db.engine import Connection
from pages.shared import desk, elements, frame, status
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, Work
from pages.shared.two_people import ask_why, others, proposing, show_proposal

STOPPED = status.tag("Sending is stopped", "front_hand", "orange")


def banner() -> None:
    """Draw above a page that sending is stopped, since when, by whom and why; nothing while it goes on."""
    with desk.reading() as conn:
        stop = current_stop(conn)
    if stop is None:
        return
    with (
        st.container(border=True),
        st.container(
            horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
        ),
    ):
        st.markdown(
            f"{STOPPED}\u2002:small[{_told(stop, desk.now(), desk.zone())}"
            " Approvals go on; nothing leaves until two people start it again.]",
            width="stretch",
        )
        st.page_link(
            "pages/operations.py", label="Operations", icon=":material/monitor_heart:", width="content"
        )


def _told(stop: Stop, now: datetime, zone: ZoneInfo) -> str:
    since = fmt.moment(stop.stopped_at, zone, now)
    return f"Since {since}, by {fmt.plain(stop.who)}: {fmt.plain(stop.why).rstrip('.')}."


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw whether sending goes on, and what the person signed in may do about it."""
    person = frame.person()
    with frame.reading() as conn:
        stop = current_stop(conn)
        waiting = [
            one
            for one in open_proposals(conn, now=now)
            if one.kind == "start_sending" and stop is not None and stop.id in one.ids
        ]
        may_start = {one.id: others(conn, "start sending", but=one.made_by) for one in waiting}
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
        ):
            if stop is None:
                note = "one person stops it, two start it again"
                st.markdown(
                    f"{elements.title('Sending', note)}\u2002{status.badge('on_time', 'On')}", width="content"
                )
                if person.may("stop sending") and st.button(
                    "Stop sending", icon=":material/front_hand:", key="stop-sending", width="content"
                ):
                    _ask_stop()
            else:
                st.markdown(
                    f"{elements.title('Sending')}\u2002{status.tag('Stopped', 'front_hand', 'orange')}",
                    width="content",
                )
                if (
                    not waiting
                    and person.may("start sending")
                    and st.button(
                        "Propose to start", icon=":material/play_arrow:", key="start-sending", width="content"
                    )
                ):
                    _ask_start(stop, now, zone)
        if stop is not None:
            st.markdown(
                f":small[{_told(stop, now, zone)} Calls in flight are finished, what left before is looked up.]"
            )
            if not waiting:
                st.caption("Nobody has proposed the start yet. One person proposes it, another confirms.")
        for one in waiting:
            show_proposal(one, may_start[one.id], now, zone)


def _ask_stop() -> None:
    ask_why(
        "Stop sending",
        "front_hand",
        "No payout leaves any more, at once, of any program. Approvals go on. Two people start it again.",
        name="stop_sending",
        work=_stopping,
    )


def _stopping(why: str) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        stop = stop_sending(conn, why=why, actor=actor, now=now)
        if stop.stopped_by != actor.name or stop.stopped_at != now:
            return Outcome(
                badge="refused", headline=f"Sending was stopped already, by {fmt.plain(stop.who)}."
            )
        return Outcome(
            badge="done",
            headline="Sending is stopped.",
            then="Nothing leaves until two people start it again.",
        )

    return run


def _ask_start(stop: Stop, now: datetime, zone: ZoneInfo) -> None:
    ask_why(
        "Propose the start",
        "play_arrow",
        f"{_told(stop, now, zone)} Sending starts again once another person confirms.",
        name=f"start_sending_{stop.id}",
        work=lambda why: proposing("start_sending", stop.id, why),
    )
