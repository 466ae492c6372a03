"""Operations has the scheduler run a job, dry first, and pauses one; what came of it stands on the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.job_orders import begin_order, end_order, order_run
from core.pauses import pause_job, resume_job
from core.runs import RunResult
from tests.pages.dialogs import field

Open = Callable[..., AppTest]
ADA = Actor(name="user:ada", channel="page", roles=frozenset({"operator"}))


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def rows(desk: Engine, query: str) -> list[tuple[object, ...]]:
    with desk.connect() as conn:
        return [tuple(row) for row in conn.execute(text(query))]


def tried(desk: Engine, *, now: datetime) -> None:
    """A dry run of `release` that ada asked for and that would move 25.00."""
    with desk.begin() as conn:
        order_run(conn, "release", dry_run=True, actor=ADA, now=now)
        order = begin_order(conn, "release", now=now)
        assert order is not None
        result = RunResult(count=2)
        result.amounts["USD"] = 2_500
        end_order(conn, order.id, result=result, duration_ms=40, fault=None, now=now)


def test_a_dry_run_is_asked_for_by_one_click_and_changes_nothing_here(desk: Engine, open_page: Open):
    app = open_page("ada", "operations")
    app.button(key="job-run").click().run()
    app.selectbox(key="run-which").select("release")
    app.button(key="run-dry").click().run()

    assert not app.exception
    assert rows(desk, "SELECT job, dry_run, asked_by FROM job_order") == [("release", True, "user:ada")]
    assert "Waits for the scheduler" in words(app)
    assert rows(desk, "SELECT count(*) FROM job_run") == [(0,)]


def test_after_a_dry_run_the_page_says_what_it_would_do_and_offers_the_run(
    desk: Engine, open_page: Open, now: datetime
):
    tried(desk, now=now)
    app = open_page("ada", "operations")

    assert "would do: 2 earnings, $25.00; nothing was changed" in words(app)
    app.button(key="run-release").click().run()

    assert not app.exception
    assert rows(desk, "SELECT job, dry_run FROM job_order WHERE ended_at IS NULL") == [("release", False)]


def test_a_pause_needs_a_reason_and_then_stands_on_the_page_until_it_is_resumed(
    desk: Engine, open_page: Open
):
    app = open_page("ada", "operations")
    app.button(key="job-pause").click().run()
    app.button(key="pause-done").click().run()
    assert rows(desk, "SELECT count(*) FROM job_pause") == [(0,)]
    assert "Say why the job is paused" in app.session_state["dialog-fault"]

    app.session_state["pause-job"] = "queue"
    app.button(key="job-pause").click().run()
    field(app.text_input, "pause-reason").set_value("the schedules are looked at")
    app.button(key="pause-done").click().run()

    assert not app.exception
    assert rows(desk, "SELECT job, reason, until - paused_at FROM job_pause") == [
        ("queue", "the schedules are looked at", timedelta(hours=1))
    ]
    assert "“the schedules are looked at”" in words(app)
    (table,) = [one.value for one in app.table if "Timetable" in one.value.columns]
    (state,) = [state for job, state in zip(table["Job"], table["State"], strict=True) if "job=queue" in job]
    assert "Paused" in state

    app.button(key="resume-queue").click().run()
    assert rows(desk, "SELECT ended_by FROM job_pause") == [("user:ada",)]


def test_what_looks_after_money_in_flight_is_not_offered_for_a_pause(open_page: Open):
    app = open_page("ada", "operations")
    app.button(key="job-pause").click().run()
    assert {"send", "resolve", "reversals", "check"}.isdisjoint(app.selectbox(key="pause-job").options)


def test_who_may_not_run_jobs_sees_what_is_paused_and_no_button(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pause_job(conn, "queue", reason="looked at", until=now + timedelta(hours=1), actor=ADA, now=now)
    app = open_page("ben", "operations")

    assert "“looked at”" in words(app)
    assert {"job-run", "job-pause", "resume-queue"}.isdisjoint(keys(app))


def test_resume_ends_the_pause_that_was_shown_and_never_a_later_one(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        pause_job(conn, "queue", reason="looked at", until=now + timedelta(hours=1), actor=ADA, now=now)
    app = open_page("ada", "operations")
    with desk.begin() as conn:
        resume_job(conn, "queue", actor=ADA, now=now)
        pause_job(conn, "queue", reason="money at risk", until=now + timedelta(hours=1), actor=ADA, now=now)

    app.button(key="resume-queue").click().run()

    assert not app.exception
    assert "paused anew" in words(app)
    assert rows(desk, "SELECT reason FROM job_pause WHERE ended_at IS NULL") == [("money at risk",)]
