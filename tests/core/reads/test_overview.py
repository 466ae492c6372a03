"""The morning and the machine room."""

from sqlalchemy import Connection, text

from core.reads.filters import PayoutFilter
from core.reads.operations import job_runs, jobs, scheduler_beat, stuck_payouts, unknown_attempts
from core.reads.overview import overview
from core.reads.payouts import list_payouts, totals
from tests.builders import DAY, NOW, approve, decision, earning, hold, insert, partner
from tests.core.reads.desk import one_of_each, preset, queued, rows_by

BEAT = text("""
    INSERT INTO heartbeat (job, beat_at) VALUES ('scheduler', now() - make_interval(secs => :age_s))
    ON CONFLICT (job) DO UPDATE SET beat_at = excluded.beat_at
""")


def test_the_morning_counts_what_needs_whom(conn: Connection):
    one_of_each(conn)
    told = overview(conn, now=NOW, since=NOW - DAY)
    needs = (told.ready, told.second_person, told.blocked, told.aside, told.retrying, told.unknown)
    assert [need.count for need in needs] == [2, 1, 3, 1, 1, 1]
    assert told.retrying.next_at == told.unknown.next_at == NOW + DAY
    assert told.aside.next_at == NOW.replace(day=5, hour=0)
    by = told.blocked_by.set_index("reason")
    assert by["count"].to_dict() == {"dispute": 1, "changed_since": 1, "partner_suspended": 1}
    assert by["count"].sum() == told.blocked.count
    assert told.leaves_today[["currency", "method", "count", "net_minor"]].to_numpy().tolist() == [
        ["USD", "stripe", 2, 16_000]
    ]
    assert told.since_visit is not None
    assert told.since_visit.paid.to_numpy().tolist() == [["USD", 1, 9_975]]
    assert told.since_visit.queued == 12
    assert overview(conn, now=NOW, since=NOW).since_visit.queued == 0  # type: ignore[union-attr]
    assert told.health.set_index("name").loc["books", "state"] == "ok"


def on_hold(conn: Connection, payout_id: int) -> None:
    owner = text("SELECT partner_id FROM payout WHERE id = :id")
    hold(conn, conn.execute(owner, {"id": payout_id}).scalar_one(), "dispute")


def test_what_leaves_today_is_what_the_queue_lists_under_that_name_and_never_what_is_blocked(
    conn: Connection,
):
    leaving, held = queued(conn, "GOES", 700), queued(conn, "STAYS", 900)
    for payout_id in (leaving, held):
        approve(conn, payout_id)
    on_hold(conn, held)
    told = overview(conn, now=NOW).leaves_today
    assert told.to_numpy().tolist() == [["USD", "stripe", 1, 700]]
    wanted = PayoutFilter(view="leaves", currency="USD", method="stripe")
    assert list(list_payouts(conn, wanted, now=NOW, masked=True).frame["id"]) == [leaving]
    assert totals(conn, wanted, now=NOW, masked=True)["net_minor"].tolist() == [700]


def test_what_was_paid_since_a_visit_is_listed_by_the_same_instant(conn: Connection):
    made = one_of_each(conn)
    told = overview(conn, now=NOW, since=NOW - DAY).since_visit
    assert told is not None
    wanted = PayoutFilter(view="all", status="paid", currency="USD", ended_after=NOW - DAY)
    assert list(list_payouts(conn, wanted, now=NOW, masked=True).frame["id"]) == [made["paid"]]
    assert len(list_payouts(conn, PayoutFilter(queued_after=NOW), now=NOW, masked=True).frame) == 0


def test_a_second_person_is_told_how_many_of_those_are_their_own_first_approvals(conn: Connection):
    one_of_each(conn)
    decision(conn, queued(conn, "OTHER", 300_000, approvals_needed=2), "user:ben")
    told = overview(conn, now=NOW, reader="user:ann").second_person
    assert (told.count, told.mine) == (2, 1)


def test_an_approved_payout_that_is_blocked_is_not_called_stuck(conn: Connection):
    for code in ("SLOW", "STAYS"):
        approve(conn, queued(conn, code, 700))
    conn.execute(text("UPDATE payout SET decided_at = :at"), {"at": NOW - DAY})
    on_hold(conn, conn.execute(text("SELECT max(id) FROM payout")).scalar_one())
    assert list(stuck_payouts(conn, now=NOW, masked=True)["partner_code"]) == ["SLOW"]


def test_releases_are_told_by_day_and_currency_without_what_has_no_day(conn: Connection):
    who, other = partner(conn, preset(conn), "R1"), partner(conn, preset(conn, "creator"), "R2")
    earning(conn, who, 100, is_held=True)
    earning(conn, who, 50, is_held=True)
    earning(conn, other, 70, is_held=True, release_at=NOW + 2 * DAY)
    earning(conn, other, 7_000, is_held=True, release_at=NOW + 31 * DAY)
    earning(conn, who, 999)
    frozen = earning(conn, who, 30, is_held=True)
    conn.execute(text("UPDATE open_item SET on_hold = true WHERE earning_id = :id"), {"id": frozen})
    told = overview(conn, now=NOW).releases
    assert [(str(row.day), row.currency, row.amount_minor) for row in told.itertuples()] == [
        ("2026-03-03", "USD", 150),
        ("2026-03-04", "EUR", 70),
    ]


def test_a_silent_scheduler_is_told_by_the_databases_clock(conn: Connection):
    assert not scheduler_beat(conn).alive
    conn.execute(BEAT, {"age_s": 2})
    assert scheduler_beat(conn).alive
    conn.execute(BEAT, {"age_s": 60})
    beat = scheduler_beat(conn)
    assert not beat.alive
    assert beat.age_s is not None
    assert 60 <= beat.age_s < 120


def test_jobs_show_their_last_run_and_how_often_they_failed(conn: Connection):
    for hours, ok in ((3, False), (2, True), (40, False)):
        at = NOW - hours * DAY / 24
        insert(
            conn,
            "job_run",
            {
                "job": "queue",
                "as_of": at,
                "started_at": at,
                "ended_at": at + DAY / 86_400,
                "ok": ok,
                "count": 7,
                "error": None if ok else "no",
                "made_by": "job:scheduler",
            },
        )
    rows = rows_by(jobs(conn, now=NOW, names=("queue", "send")), "job")
    queue = rows["queue"]
    assert (queue["failures"], queue["duration_ms"], queue["count"]) == (1, 1_000, 7)
    assert rows["send"]["failures"] == 0
    assert list(job_runs(conn, job="queue")["ok"]) == [False, True, False]


def test_unknown_outcomes_and_stuck_payouts_are_listed_and_masked(conn: Connection):
    made = one_of_each(conn)
    unknown = unknown_attempts(conn, masked=True)
    assert list(unknown["payout_id"]) == [made["unknown"]]
    assert unknown["partner_name"].isna().all()
    assert stuck_payouts(conn, now=NOW, masked=False).empty
    late = stuck_payouts(conn, now=NOW + 2 * DAY, masked=False).set_index("id")
    assert late["why"].to_dict() == {made["approved"]: "not_sent", made["retrying"]: "not_retried"}
