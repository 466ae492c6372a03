from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.alerts import Rate
from core.decisions import Wanted, approve_payouts
from core.providers.simulator import Simulator
from core.reads.operations import Beat
from core.sending import send_due
from jobs.job import all_jobs
from jobs.slots import Daily, Hourly
from pages.shared import health_limits
from pages.shared.timetable import TIMETABLE
from tests import builders
from tests.world import pending

Open = Callable[..., AppTest]
ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver"}))
# As if it went on: a page that is opened late, on a slow machine, finds it alive too.
BEAT = text("INSERT INTO heartbeat (job, beat_at) VALUES (:job, now() + interval '1 hour')")
RUN = text("""
    INSERT INTO job_run (job, as_of, started_at, ended_at, ok, count, result, error, made_by)
    VALUES (:job, :now, :now, :now, :ok, 3, '{"amounts": {"USD": 1250}}', :error, 'job:release')
""")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def jobs_shown(app: AppTest) -> list[str]:
    (table,) = [table.value for table in app.table if "Timetable" in table.value.columns]
    return [str(job)[1:].partition("]")[0] for job in table["Job"]]


def run(conn: Connection, job: str, *, now: datetime, error: str | None = None) -> None:
    conn.execute(RUN, {"job": job, "now": now, "ok": error is None, "error": error})


def test_the_pages_timetable_is_the_schedulers():
    kept = {name: job for name, job in all_jobs().items() if job.slots is not None or job.every_s is not None}

    assert set(TIMETABLE) == set(kept)
    for name, job in kept.items():
        turn = TIMETABLE[name]
        assert turn.does == job.sentence
        assert turn.every_s == job.every_s
        assert turn.at == (job.slots.at if isinstance(job.slots, Daily) else None)
        assert isinstance(job.slots, Hourly) == (turn.at is None and turn.every_s is None)


def test_a_silent_scheduler_says_that_decisions_wait_for_it(open_page: Open):
    app = open_page("ada", "operations")

    assert not app.exception
    assert figures(app)["Scheduler"] == "Silent"
    assert "leave when the scheduler is back" in app.warning[0].value


def test_a_beating_scheduler_is_alive_and_its_idle_jobs_on_time(desk: Engine, open_page: Open):
    with desk.begin() as conn:
        for job in ("scheduler", *TIMETABLE):
            conn.execute(BEAT, {"job": job})

    app = open_page("ada", "operations")

    assert figures(app)["Scheduler"] == "Alive"
    assert not app.warning
    (table,) = [table.value for table in app.table if "Timetable" in table.value.columns]
    assert all("On time" in state for state in table["State"])


def test_a_failing_job_comes_first_and_says_its_error(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        conn.execute(BEAT, {"job": "scheduler"})
        run(conn, "accrue", now=now)
        run(conn, "release", now=now, error="ValueError: the file is gone\n(Background on this error)")

    app = open_page("ada", "operations")

    assert figures(app)["Failing jobs"] == "1"
    assert jobs_shown(app)[0] == "release"
    assert any("the file is gone" in table.value.to_string() for table in app.table)


def test_a_run_tells_how_many_and_how_much(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        run(conn, "release", now=now)

    app = open_page("ada", "operations")

    assert any("3 earnings, $12.50" in table.value.to_string() for table in app.table)


@pytest.mark.parametrize(("name", "shown"), [("ada", "Ana Silva"), ("vera", "P0")])
def test_an_unknown_outcome_stands_with_its_evidence(
    desk: Engine, open_page: Open, now: datetime, name: str, shown: str
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        builders.approve(conn, payout_id)
        builders.claim(conn, payout_id)
        builders.end_attempt(
            conn,
            payout_id,
            "unknown",
            first_sent_at=now,
            next_look_at=now + timedelta(minutes=5),
            message="read timeout",
        )

    app = open_page(name, "operations")

    assert figures(app)["Unknown outcomes"] == "1"
    assert "read timeout" in words(app)
    assert f"to {shown}" in words(app)
    assert f"[{payout_id}](/payout?id={payout_id})" in words(app)
    app.button(key=f"evidence-{payout_id}").click().run()
    assert not app.exception
    assert "attempt 1, key" in words(app)


def test_a_payout_that_should_have_left_is_stuck_and_says_why(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        approve_payouts(conn, [Wanted(id=payout_id)], actor=ADA, now=now - timedelta(hours=1))

    app = open_page("ada", "operations")

    assert figures(app)["Stuck payouts"] == "1"
    (table,) = [table.value for table in app.table if "Why" in table.value.columns]
    assert table["Why"].iloc[0] == "approved, not sent yet"


def test_the_simulators_books_agree_with_ours_after_sending(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        ids = [pending(conn, [5_000 + place], now=now) for place in range(4)]
        approve_payouts(conn, [Wanted(id=one) for one in ids], actor=ADA, now=now)
    sent = send_due(desk, Simulator(engine=desk), now=now)
    assert sent.succeeded > 0

    app = open_page("ada", "operations")

    assert "no money moves" in words(app)
    assert "Agree" in words(app)
    assert f"{sent.succeeded} transfer" in words(app)


def test_health_shows_each_figure_beside_its_limit_and_what_is_over_first(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        builders.approve(conn, payout_id)
        builders.claim(conn, payout_id)
        sent = now - timedelta(hours=2)
        builders.end_attempt(
            conn, payout_id, "unknown", first_sent_at=sent, next_look_at=now, message="timeout"
        )

    app = open_page("ada", "operations")

    (table,) = [table for table in app.table if "Limit" in table.value.columns]
    states = [str(state) for state in table.value["State"]]
    assert states == sorted(states, key=lambda state: "Over" not in state)
    by_name = dict(zip(table.value["What"], states, strict=True))
    (unknown,) = [state for what, state in by_name.items() if "Oldest unknown outcome" in what]
    assert "Over" in unknown
    (differences,) = [state for what, state in by_name.items() if "Differences" in what]
    assert "Within" in differences


def test_a_figure_stands_beside_its_limit_in_the_same_unit(now: datetime):
    beat = Beat(beat_at=now, age_s=4.0, alive=True, note="")
    unknown = pd.DataFrame({"first_sent_at": [now - timedelta(minutes=90)]})
    rates = [
        Rate(name="failure_rate", sentence="", found=7.5, limit=5),
        Rate(name="slow_processing", sentence="", found=None, limit=30),
    ]
    found = health_limits.lines(beat, unknown, pd.DataFrame(), rates, differences=0, now=now)
    told = [(line.now, line.limit, line.over) for line in found]
    assert told == [
        ("1 h 30 min", "1 h", True),
        ("7.5%", "5%", True),
        ("4 s ago", "30 s", False),
        ("none", "15 min", False),
        ("0", "0", False),
        ("too few for a figure", "30 s", None),
    ]


def test_every_job_and_every_run_leads_on(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        run(conn, "release", now=now)
        run(conn, "accrue", now=now, error="ValueError: the file is gone\n(Background on this error)")
        run_id = conn.execute(text("SELECT id FROM job_run WHERE job = 'accrue'")).scalar_one()
    app = open_page("ada", "operations")
    (known,) = [table.value for table in app.table if "Timetable" in table.value.columns]
    assert all("](/operations?job=" in job for job in known["Job"])
    (runs,) = [table.value for table in app.table if "Started" in table.value.columns]
    assert all("](/operations?run=" in started for started in runs["Started"])

    app = open_page("ada", "operations", job="release")
    (runs,) = [table.value for table in app.table if "Started" in table.value.columns]
    assert list(runs["Job"]) == ["**release**"]
    assert "usually < 1 s, at most < 1 s; 0 failed" in words(app)

    app = open_page("ada", "operations", run=str(run_id))
    assert not app.exception
    assert "Background on this error" in app.code[0].value


def test_each_stuck_payout_has_the_one_thing_to_do(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        approve_payouts(conn, [Wanted(id=payout_id)], actor=ADA, now=now - timedelta(hours=1))

    def to_do(app: AppTest) -> str:
        (table,) = [table.value for table in app.table if "Why" in table.value.columns]
        return str(table["Do"].iloc[0])

    assert to_do(open_page("ada", "operations")) == "start the scheduler"
    with desk.begin() as conn:
        conn.execute(BEAT, {"job": "scheduler"})
    assert to_do(open_page("ada", "operations")) == "[Run send](/operations?order=send)"
    assert to_do(open_page("vera", "operations")) == "an operator runs send"

    app = open_page("ada", "operations", order="send")
    assert app.selectbox(key="run-which").value == "send"
    app.button(key="run-dry").click().run()
    with desk.connect() as conn:
        assert conn.execute(text("SELECT job, dry_run FROM job_order")).one() == ("send", True)
