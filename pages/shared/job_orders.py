"""Having the scheduler run a job, dry first, and pausing one: what a person may ask of it from Operations."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.job_orders import JobOrder, last_orders, order_run
from core.pauses import NEVER_PAUSED, Pause, current_pauses, pause_job, resume_job
from db.engine import Connection
from pages.shared import address, elements, frame, job_words, status
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, Work, decide, token_for
from pages.shared.faults import dialog, live
from pages.shared.in_dialog import buttons, decide_in_dialog, field, forget_fault, typed
from pages.shared.timetable import TIMETABLE

LOOK_EVERY_S = 2
SHOWN_FOR = timedelta(hours=24)
RUN, ORDER = "run-which", "order"
JOB, SPAN, REASON = "pause-job", "pause-span", "pause-reason"
SPANS = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "7 days": timedelta(days=7),
}


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw what was asked of the scheduler lately, what is paused, and the buttons of whoever may run jobs."""
    may = frame.person().may("run jobs")
    if may and (asked := address.one_of(ORDER, TIMETABLE, "")):
        address.put(**{ORDER: None})
        st.session_state[RUN] = asked
        _open_run()
    with frame.reading() as conn:
        orders = [one for one in last_orders(conn).values() if _is_recent(one, now)]
        pauses = current_pauses(conn, now=now)
    if not (may or orders or pauses):
        return
    with st.container(border=True, gap="small"):
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
        ):
            st.markdown(
                elements.title("By hand", "the scheduler runs a job once, or leaves one out for a while"),
                width="content",
            )
            if may:
                with st.container(horizontal=True, width="content"):
                    if st.button("Run a job", icon=":material/play_arrow:", key="job-run"):
                        _open_run()
                    if st.button("Pause a job", icon=":material/pause:", key="job-pause"):
                        forget_fault()
                        _open_pause()
        for pause in pauses.values():
            _paused(pause, now, zone, may=may)
        for order in sorted(orders, key=lambda one: one.asked_at, reverse=True):
            _ordered(order, now, may=may)
    if any(one.ended_at is None for one in orders):
        _look_again()


def _is_recent(order: JobOrder, now: datetime) -> bool:
    return order.ended_at is None or order.ended_at > now - SHOWN_FOR


@live(LOOK_EVERY_S)
def _look_again() -> None:
    """Draw the page anew as soon as nothing that was asked for is open any more."""
    with frame.reading() as conn:
        waits = any(one.ended_at is None for one in last_orders(conn).values())
    if not waits:
        frame.draw_anew()


def _paused(pause: Pause, now: datetime, zone: ZoneInfo, *, may: bool) -> None:
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        who = fmt.plain(fmt.person(pause.paused_by))
        badge = status.tag(f"Paused until {fmt.moment(pause.until, zone, now)}", "pause_circle", "orange")
        st.markdown(
            f"{badge}\u2002**:small[{pause.job}]** :small[“{fmt.plain(pause.reason)}”] :gray[:small[by {who}]]"
        )
        if may:
            name = f"resume_{pause.id}"
            st.button(
                "Resume", icon=":material/play_arrow:", key=f"resume-{pause.job}", width="content",
                on_click=decide, args=(name, token_for(name), _resuming(pause)),
            )  # fmt: skip


def _ordered(order: JobOrder, now: datetime, *, may: bool) -> None:
    kind = "dry run" if order.dry_run else "run"
    who = (
        f":gray[:small[asked for by {fmt.plain(fmt.person(order.asked_by))} {fmt.ago(order.asked_at, now)}]]"
    )
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(f"{_badge(order)}\u2002**:small[{order.job}, {kind}]** :small[{_came_of(order)}] {who}")
        if may and order.dry_run and order.ended_at is not None and order.fault is None:
            name = f"run_after_{order.id}"
            st.button(
                f"Run {order.job} now", icon=":material/play_arrow:", key=f"run-{order.job}", width="content",
                on_click=decide, args=(name, token_for(name), _ordering(order.job, dry_run=False)),
            )  # fmt: skip


def _badge(order: JobOrder) -> str:
    if order.fault is not None:
        return status.badge("failing", "Failed")
    if order.ended_at is not None:
        return status.badge("done")
    return status.tag("Running" if order.began_at else "Waits for the scheduler", "sync", "violet")


def _came_of(order: JobOrder) -> str:
    if order.fault is not None:
        return job_words.failed(order.fault)
    if order.count is None:
        return ""
    words = job_words.did(order.job, order.count, order.result)
    took = job_words.took(int(order.result.get("duration_ms") or 0))
    return f"would do: {words}; nothing was changed" if order.dry_run else f"{words}, in {took}"


def _open_run() -> None:
    dialog("Run a job", "play_arrow")(_ask_run)()


def _ask_run() -> None:
    job = st.selectbox("Job", list(TIMETABLE), key=RUN, width=220)
    st.markdown(f"This would {TIMETABLE[job].does}, once, as it stands now.")
    st.caption("A dry run does the same work, takes it back, and says what it would have done.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        cancelled = st.button("Cancel", key="run-cancel")
        now = st.button(
            "Run it now",
            key="run-now",
            on_click=_run_asked,
            kwargs={"dry_run": False},
        )
        tried = elements.primary(
            "Dry run",
            "science",
            key="run-dry",
            on_click=_run_asked,
            kwargs={"dry_run": True},
        )
        if cancelled or now or tried:
            st.rerun()


def _run_asked(*, dry_run: bool) -> None:
    job = str(st.session_state[RUN])
    name = f"{'dry' if dry_run else 'run'}_{job}"
    decide(name, token_for(name), _ordering(job, dry_run=dry_run))


def _ordering(job: str, *, dry_run: bool) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        order_run(conn, job, dry_run=dry_run, actor=actor, now=now)
        kind = "dry run" if dry_run else "run"
        return Outcome(
            badge="done",
            headline=f"A {kind} of {job} is asked for.",
            then="The scheduler begins within seconds; what came of it shows under “By hand”.",
        )

    return run


def _resuming(pause: Pause) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        resume_job(conn, pause.job, pause_id=pause.id, actor=actor, now=now)
        return Outcome(badge="done", headline=f"{pause.job} goes on.", then="What it missed is done now.")

    return run


def _open_pause() -> None:
    dialog("Pause a job", "pause")(_ask_pause)()


def _ask_pause() -> None:
    pausable = [job for job in TIMETABLE if job not in NEVER_PAUSED]
    with st.container(horizontal=True):
        job = st.selectbox("Job", pausable, key=JOB, width=220)
        name = f"pause_{job}"
        st.segmented_control("For", list(SPANS), key=field(name, SPAN), default="1 hour", required=True)
    st.text_input(
        "Reason", key=field(name, REASON), max_chars=200, placeholder="What is looked at, and who does"
    )
    st.caption(
        "The timetable leaves it out until then; what it missed is done at its end. The jobs that look after money in"
        " flight cannot be paused: to keep payouts from leaving, stop all sending."
    )
    buttons("Pause the job", "pause", key="pause-done", on_click=_asked, args=())


def _asked() -> None:
    job = str(st.session_state[JOB])
    name = f"pause_{job}"
    reason, span, zone = typed(name, REASON), SPANS[typed(name, SPAN) or "1 hour"], frame.zone()

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        pause_job(conn, job, reason=reason, until=now + span, actor=actor, now=now)
        then = f"It goes on by itself at {fmt.moment(now + span, zone, now)}."
        return Outcome(badge="done", headline=f"{job} is paused.", then=then)

    decide_in_dialog(name, token_for(name), run)
