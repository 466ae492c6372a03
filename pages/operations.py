"""Is everything running, and what is stuck."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.alerts import rates
from core.pauses import current_pauses
from core.reads.books import SimulatorBooks, simulator_books
from core.reads.open_outcomes import open_outcomes
from core.reads.operations import Beat, jobs, scheduler_beat, stuck_payouts
from core.reads.reconciliation import open_differences
from core.reads.timed import Waits, waiting_for_their_time
from pages.shared import (
    address,
    elements,
    frame,
    health_limits,
    job_orders,
    job_runs,
    job_words,
    messages,
    proposals,
    status,
    stopping,
    tables,
    told,
    unknown_outcomes,
)
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.faults import live
from pages.shared.lines import card_text
from pages.shared.timetable import TIMETABLE

STUCK_SHOWN = 12
LATE_AFTER = timedelta(minutes=5)
REFRESH_S = 10
# Whatever is stuck moves on by one thing: the job that should have moved it; and where no job does, a person looks.
STUCK_MOVES = {"not_sent": "send", "not_retried": "send", "no_answer_recorded": "send"}
STUCK_WORDS = {
    "not_sent": "approved, not sent yet",
    "not_retried": "due again, not sent yet",
    "no_answer_recorded": "sent, no answer written down",
    "no_attempt": "under way without an attempt",
}


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    run = address.given_id("run")
    if run is not None:
        job_runs.one(run, now, zone)
        return
    frame.header("Operations", "Is everything running, and what is stuck?", at=now)
    _now()
    # Outside the parts that draw themselves anew: a dialog stays open, a reason keeps its place.
    stopping.card(now, zone)
    proposals.card(now, zone)
    job_orders.card(now, zone)
    unknown_outcomes.card(now, zone)
    told.card(now, zone)
    messages.card(now, zone)
    _live()


@live(REFRESH_S)
def _now() -> None:
    now = frame.now()
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        beat = scheduler_beat(conn)
        known = jobs(conn, now=now, names=tuple(TIMETABLE))
        unknown = open_outcomes(conn, masked=masked)
        stuck = stuck_payouts(conn, now=now, masked=masked)
        timed = waiting_for_their_time(conn, now=now)
    _figures(beat, known, unknown, stuck, now, timed=timed)
    if not beat.alive:
        st.warning(
            "Decisions made now are kept and leave when the scheduler is back. Start it with: python -m jobs",
            icon=":material/schedule:",
            title="The scheduler is silent",
        )


@live(REFRESH_S)
def _live() -> None:
    now, zone = frame.now(), frame.zone()
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        beat = scheduler_beat(conn)
        known = jobs(conn, now=now, names=tuple(TIMETABLE))
        unknown = open_outcomes(conn, masked=masked)
        stuck = stuck_payouts(conn, now=now, masked=masked)
        differing = open_differences(conn, limit=1)
        limits = health_limits.lines(
            beat,
            unknown,
            stuck,
            list(rates(conn, now=now)),
            differences=0 if differing.empty else number(differing["of"].iloc[0]),
            now=now,
        )
        paused = set(current_pauses(conn, now=now))
        books = simulator_books(conn) if frame.settings().provider == "simulator" else None
    if len(stuck):
        _stuck(stuck, beat, now)
    health_limits.card(limits)
    _jobs(known, beat, now, zone, paused=paused)
    job_runs.card(now, zone)
    if books is not None:
        _books(books)


def _figures(
    beat: Beat,
    known: pd.DataFrame,
    unknown: pd.DataFrame,
    stuck: pd.DataFrame,
    now: datetime,
    *,
    timed: Waits,
) -> None:
    grid = st.grid(4, min_column_width=220)
    if beat.alive:
        _plain(grid, "Scheduler", "Alive", f"last sign of life {fmt.ago(beat.beat_at, now)}")
    else:
        _warning(grid, "Scheduler", "Silent", fmt.ago(beat.beat_at, now) if beat.beat_at else "never seen")
    failing = [str(row.job) for row in known.itertuples(name="Job") if _state(row, beat, now) == "failing"]
    if failing:
        _warning(grid, "Failing jobs", f"{len(failing)}", ", ".join(failing))
    else:
        _plain(grid, "Failing jobs", "None", "every last run went well")
    if len(unknown):
        oldest = instant(unknown["first_sent_at"].iloc[0])
        _warning(grid, "Unknown outcomes", f"{len(unknown):,}", f"oldest {fmt.span(now - (oldest or now))}")
    else:
        _plain(grid, "Unknown outcomes", "None", "the provider answered every call")
    if len(stuck):
        _warning(
            grid,
            "Stuck payouts",
            f"{len(stuck):,}",
            f"oldest {fmt.ago(instant(stuck['since'].iloc[0]), now)}",
        )
    else:
        first = fmt.moment(timed.next_at, frame.zone(), now)
        waits = f"{timed.count:,} approved for later, the first leaves {first}"
        _plain(grid, "Stuck payouts", "None", waits if timed.count else "nothing waits longer than 15 min")


def _plain(grid: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    grid.metric(label, value, delta=None, delta_description=note, border=True, height="stretch")


def _warning(grid: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    grid.metric(
        label, value, delta=note, delta_color="orange", delta_arrow="off", border=True, height="stretch"
    )


def _who(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    return fmt.plain(card_text(row.partner_name) or str(row.partner_code))


def _payout(payout_id: object) -> str:
    return f"[{payout_id}](/payout?id={payout_id})"


def _move(why: str, payout_id: int, beat: Beat) -> str:
    """The one thing to do about a stuck payout."""
    job = STUCK_MOVES.get(why)
    if job is None:
        return f"[Read its story](/payout?id={payout_id}), then tell whoever looks after the desk"
    if not beat.alive:
        return "start the scheduler"
    if not frame.person().may("run jobs"):
        return f"an operator runs {job}"
    return f"[Run {job}](/operations?order={job})"


def _stuck(stuck: pd.DataFrame, beat: Beat, now: datetime) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Stuck payouts", "should have moved on by now, oldest first"))
        records = [
            (
                _payout(row.id),
                _who(row),
                fmt.money(number(row.net_minor), str(row.currency)),
                status.badge(str(row.status)),
                STUCK_WORDS[str(row.why)],
                fmt.ago(instant(row.since), now),
                _move(str(row.why), number(row.id), beat),
            )
            for row in stuck.head(STUCK_SHOWN).itertuples(name="Stuck")
        ]
        tables.rows(
            records, ["Payout", "Partner", "Amount", "Status", "Why", "Since", "Do"], right=["Amount"]
        )
        if len(stuck) > STUCK_SHOWN:
            st.caption(f"and {fmt.count(len(stuck) - STUCK_SHOWN, 'more', 'more')}")


def _state(row: Any, beat: Beat, now: datetime) -> str:  # noqa: ANN401 - a row of the jobs frame
    if card_text(row.ok) and not row.ok:
        return "failing"
    turn, seen = TIMETABLE.get(str(row.job)), _seen(row)
    if turn is None:
        return "by_hand"
    if seen is None or not beat.alive:
        return "late"
    return "on_time" if turn.following(seen, seen) + LATE_AFTER > now else "late"


def _seen(row: Any) -> datetime | None:  # noqa: ANN401 - as above
    ended, beaten = instant(row.ended_at), instant(row.beat_at)
    return max((at for at in (ended, beaten) if at is not None), default=None)


ORDER = {"failing": 0, "late": 1, "paused": 2, "on_time": 3, "by_hand": 4}


def _jobs(known: pd.DataFrame, beat: Beat, now: datetime, zone: ZoneInfo, *, paused: set[str]) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Jobs", f"failing ones first, times in {zone.key}"))
        night = list(TIMETABLE)
        listed = sorted(
            (
                ("paused" if row.job in paused else _state(row, beat, now), row)
                for row in known.itertuples(name="Job")
            ),
            key=lambda one: (
                ORDER[one[0]],
                night.index(str(one[1].job)) if one[1].job in night else len(night),
            ),
        )
        records = []
        for state, row in listed:
            turn, seen = TIMETABLE.get(str(row.job)), _seen(row)
            records.append(
                (
                    linked_to("operations", str(row.job), job=str(row.job)),
                    turn.words(now, zone) if turn else "by hand",
                    status.badge(state, "By hand" if state == "by_hand" else None),
                    _last(seen, now, zone),
                    fmt.ABSENT if not card_text(row.duration_ms) else job_words.took(number(row.duration_ms)),
                    job_runs.did(row) or ("idle" if seen else "nothing yet"),
                    _next(turn.following(now, seen), now, zone) if turn and beat.alive else fmt.ABSENT,
                )
            )
        columns = ["Job", "Timetable", "State", "Last run", "Took", "Did", "Next"]
        tables.rows(records, columns, right=["Took"])


def _last(seen: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    if seen is None:
        return "never"
    return fmt.ago(seen, now) if now - seen < timedelta(hours=1) else fmt.moment(seen, zone, now)


def _next(following: datetime, now: datetime, zone: ZoneInfo) -> str:
    return (
        fmt.until(following, now)
        if following - now < timedelta(hours=1)
        else fmt.moment(following, zone, now)
    )


def _books(books: SimulatorBooks) -> None:
    agrees = not books.only_here and not books.only_there
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title("The simulator’s books", "no money moves; they stand in for the provider’s")
        )
        words = status.badge("on_time", "Agree") if agrees else status.badge("failing", "Differ")
        moved = f", {fmt.totals(books.moved)}" if books.moved else ""
        told = f"{fmt.count(books.transfers, 'transfer')}{moved}; {fmt.count(books.declined, 'refusal')}."
        rest = (
            ""
            if agrees
            else f" {books.only_there:,} there without a payout here, {books.only_here:,} here and not there."
        )
        st.markdown(f"{words}\u2003:small[{told}{rest}]")


page()
