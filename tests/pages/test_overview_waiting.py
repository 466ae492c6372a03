"""What the Overview says waits, is out until a day or is broken, and where each line leads."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from core.access import Actor
from core.decisions import Wanted
from core.eligibility import mark_ineligible
from core.pauses import pause_job
from core.steering import set_aside
from tests import builders
from tests.building.proposals import proposal
from tests.building.reconciling import difference
from tests.pages.conftest import Open
from tests.pages.test_overview import links, words
from tests.world import pending

MAX = Actor(name="user:max", channel="page", roles=frozenset({"maker"}))
OPS = Actor(name="user:ada", channel="page", roles=frozenset({"operator"}))


def owner_of(desk: Engine, payout_id: int) -> tuple[int, str]:
    with desk.connect() as conn:
        row = conn.execute(
            text("SELECT r.id, r.code FROM partner r JOIN payout p ON p.partner_id = r.id WHERE p.id = :id"),
            {"id": payout_id},
        ).one()
        return row.id, row.code


def test_a_difference_waits_on_the_page_that_closes_it(desk: Engine, open_page: Open):
    with desk.begin() as conn:
        difference(conn)

    app = open_page("ada", "overview")

    assert not app.exception
    assert [link.proto.page for link in app.get("page_link") if "difference" in link.proto.label] == [
        "reconciliation"
    ]
    assert "1 difference to explain" in links(app)
    assert "Nothing waits for you" not in words(app)


def test_a_hold_that_ends_soon_is_told_with_its_day_and_leads_to_the_partners_it_is_on(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        ends, stays, later = (pending(conn, [5_000], now=now) for _ in range(3))
    ends_on = now + timedelta(days=3)
    with desk.begin() as conn:
        builders.hold(conn, owner_of(desk, ends)[0], "review", until=ends_on)
        builders.hold(conn, owner_of(desk, stays)[0], "review")
        builders.hold(conn, owner_of(desk, later)[0], "review", until=now + timedelta(days=8))

    app = open_page("ada", "overview")
    listed = open_page("ada", "partners", only="ending")

    assert links(app)["1 partner’s hold ends within 7 days"] == "only=ending"
    assert f"first {ends_on:%a} {ends_on.day} {ends_on:%b}" in words(app)
    assert list(listed.dataframe[0].value["code"]) == [owner_of(desk, ends)[1]]
    assert "Only partners with a hold that ends within 7 days" in words(listed)


def test_what_is_taken_out_says_until_when(desk: Engine, open_page: Open, now: datetime):
    back, until = now.date() + timedelta(days=4), now + timedelta(days=2)
    with desk.begin() as conn:
        aside, excluded = pending(conn, [5_000], now=now), pending(conn, [7_000], now=now)
        set_aside(conn, [Wanted(id=aside)], until=back, reason="asked", actor=MAX, now=now)
        pause_job(conn, "queue", reason="holidays", until=until, actor=OPS, now=now)
    with desk.begin() as conn:
        mark_ineligible(conn, owner_of(desk, excluded)[1], reason="fraud", actor=MAX, now=now)

    app = open_page("ada", "overview")
    listed = open_page("ada", "partners", only="excluded")

    assert links(app)["1 payout set aside"] == "view=aside"
    assert f"first back {back:%a} {back.day} {back:%b}" in words(app)
    assert links(app)["1 partner excluded"] == "only=excluded"
    assert list(listed.dataframe[0].value["code"]) == [owner_of(desk, excluded)[1]]
    assert "Job queue is paused" in links(app)
    assert f"until {until:%a} {until.day} {until:%b} {until:%H:%M}" in words(app)


def test_a_proposal_waits_for_the_others_and_never_for_who_made_it(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        proposal(conn, made_by="user:ada", made_at=now, expires_at=now + timedelta(days=1))

    hers, his = open_page("ada", "overview"), open_page("ben", "overview")

    assert "1 proposal of yours waits" in links(hers)
    assert "1 proposal to confirm or refuse" not in links(hers)
    assert "1 proposal to confirm or refuse" in links(his)
    assert "1 proposal of yours waits" not in links(his)


@pytest.mark.parametrize(
    ("age", "paused", "late"), [(60, False, False), (20_000, False, True), (20_000, True, False)]
)
def test_a_job_that_missed_its_turn_is_late_unless_it_is_paused(
    desk: Engine, open_page: Open, now: datetime, *, age: int, paused: bool, late: bool
):
    with desk.begin() as conn:
        for job, seconds in (("scheduler", 0), ("release", age)):
            conn.execute(
                text("INSERT INTO heartbeat (job, beat_at) VALUES (:job, now() - make_interval(secs => :s))"),
                {"job": job, "s": seconds},
            )
        if paused:
            until = now + timedelta(days=1)
            pause_job(conn, "release", reason="holidays", until=until, actor=OPS, now=now)

    app = open_page("ada", "overview")

    assert ("Release" in links(app)) is late
    assert ("Late" in words(app)) is late


def test_an_alert_that_stands_is_told_and_one_that_is_over_is_not(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        builders.insert(conn, "alert", {"name": "failure_rate", "figures": "{}", "began_at": now})
        over = {"name": "messages_late", "figures": "{}", "began_at": now, "ended_at": now}
        builders.insert(conn, "alert", over)

    app = open_page("ada", "overview")

    assert "Payouts fail often" in links(app)
    assert "Messages are late" not in links(app)


def test_who_is_new_since_a_visit_is_listed_by_the_same_instant(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now)

    before = open_page("ada", "partners", only="new", since=(now - timedelta(days=1)).isoformat())
    after = open_page("ada", "partners", only="new", since=(now + timedelta(days=3_000)).isoformat())

    assert "Only partners new since" in words(before)
    assert "No partner matches" in "\n".join(one.value for one in after.markdown)
