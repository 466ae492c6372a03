from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core import audit
from core.access import Actor
from core.decisions import Wanted, approve_payouts
from core.reads.visits import last_visit
from core.sign_in import record_sign_in
from core.stops import stop_sending
from tests import builders
from tests.world import pending

Open = Callable[..., AppTest]
ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver"}))


def links(app: AppTest) -> dict[str, str]:
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def test_what_waits_leads_to_the_queue_with_its_filter_set(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        for _ in range(3):
            pending(conn, [5_000], now=now)

    app = open_page("ada", "overview")

    assert not app.exception
    assert figures(app)["Ready to approve"] == "3 payouts"
    assert "view=ready" in links(app)["3 payouts ready to approve"]
    assert app.button(key="review").label.endswith("Review 3 payouts")


def test_what_leaves_today_is_told_by_currency_and_method_and_never_added(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        dollars = [pending(conn, [minor], now=now) for minor in (5_000, 7_000)]
        euros = pending(conn, [9_000], now=now, program="creator", method="paypal")
        approve_payouts(conn, [Wanted(id=one) for one in (*dollars, euros)], actor=ADA, now=now)

    app = open_page("ada", "overview")

    assert figures(app)["Leaves today, USD"] == "$119.50"  # two fees of $0.25 are off
    assert "and €89.75" in app.metric[2].proto.delta_description
    with desk.begin() as conn:
        stop_sending(conn, why="the bank called", actor=ADA, now=now)
    assert figures(open_page("ada", "overview"))["Waits for sending, USD"] == "$119.50"
    leaving = {label.split(" :")[0]: query for label, query in links(app).items() if " · " in label}
    assert set(leaving) == {"EUR · PayPal", "USD · Stripe"}
    assert leaving["EUR · PayPal"] == "view=leaves&currency=EUR&method=paypal"


def test_releases_are_told_in_their_own_currency_and_one_is_one(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        dollars = pending(conn, [5_000], now=now)
        approve_payouts(conn, [Wanted(id=dollars)], actor=ADA, now=now)
        pending(conn, [5_000], now=now)
        partner_id = builders.partner(conn, builders.program(conn, currency="EUR"), released_to=now)
        builders.earning(conn, partner_id, 3_000, is_held=True, release_at=now + timedelta(days=3))

    app = open_page("ada", "overview")

    assert figures(app)["Leaves today, USD"] == "$49.75"
    assert figures(app)["Releases within 7 days, EUR"] == "€30.00"
    assert "1 payout ready to approve" in links(app)


def test_what_waits_for_another_approver_is_not_called_hers(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        preset = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
        partner_id = builders.partner(conn, preset)
        earned = builders.earning(conn, partner_id, 2500, release_at=now - timedelta(days=2))
        payout_id = builders.payout(conn, partner_id, [earned], queued_at=now, approvals_needed=2)
        approve_payouts(conn, [Wanted(id=payout_id)], actor=ADA, now=now)

    hers, his = open_page("ada", "overview"), open_page("ben", "overview")

    assert "view=second_person" in links(hers)["1 waits for another approver"]
    assert "Nothing waits for you" in words(hers)
    assert "view=second_person" in links(his)["1 needs a second person"]


def test_a_partner_on_hold_blocks_a_payout_and_is_not_ready(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        partner_id = conn.execute(
            text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout_id}
        ).scalar_one()
        builders.hold(conn, partner_id, "dispute")

    app = open_page("ada", "overview")

    assert figures(app)["Ready to approve"] == "0 payouts"
    assert figures(app)["Blocked"] == "1 payout"
    assert any(
        "a sale is disputed" in label and "view=blocked" in query for label, query in links(app).items()
    )


def test_an_empty_desk_says_what_comes_next(open_page: Open):
    app = open_page("ada", "overview")

    assert not app.exception
    assert "Nothing waits for you" in words(app)
    assert "Nothing is approved" in words(app)
    assert "Nothing is held" in words(app)


def test_a_viewer_is_offered_no_decision(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        pending(conn, [5_000], now=now)

    app = open_page("vera", "overview")

    assert "Yours to decide" not in words(app)
    assert [button.label for button in app.button if "Review" in button.label] == []


def test_a_silent_scheduler_is_the_first_line_of_health(open_page: Open):
    app = open_page("ada", "overview")

    assert "Never seen" in words(app)


def test_releases_are_drawn_by_the_day_they_come(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        partner_id = builders.partner(conn, builders.program(conn), released_to=now)
        builders.earning(conn, partner_id, 3_000, is_held=True, release_at=now + timedelta(days=3))

    app = open_page("ada", "overview")

    assert figures(app)["Releases within 7 days, USD"] == "$30.00"
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("acts_before", [0, 1])
def test_the_last_visit_is_the_last_act_before_this_sign_in(desk: Engine, now: datetime, acts_before: int):
    before = now - timedelta(days=1)
    with desk.begin() as conn:
        for _ in range(acts_before):
            audit.record(conn, "payout.approved", subject="payout", ids=[1], actor=ADA, now=before)
        record_sign_in(conn, "ada", now=now)
        audit.record(conn, "payout.approved", subject="payout", ids=[2], actor=ADA, now=now)

        assert last_visit(conn, "ada") == (before if acts_before else None)
