"""A batch is decided as its button counted it, and a button of one batch is never that of another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.batches import fix_batch, leave_out
from core.decisions import Wanted, approve_payouts
from core.holds import lift_hold, place_hold
from core.steering import take_back_payouts
from tests.pages.conftest import Open, button
from tests.pages.dialogs import field
from tests.world import World, pending

ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver"}))
BEN = World().actor("ben")
Status = Callable[[int], str]


def on_hold(conn: Connection, payout: int, now: datetime) -> int:
    partner = conn.execute(text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout}).scalar_one()
    place_hold(conn, partner, "review", actor=BEN, now=now, note="look at it")
    return int(conn.execute(text("SELECT max(id) FROM hold")).scalar_one())


def test_what_the_button_did_not_count_is_refused_though_its_hold_was_lifted_before_the_click(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    with desk.begin() as conn:
        counted, held = pending(conn, [4_000_025], now=now), pending(conn, [9_000_025], now=now)
        hold = on_hold(conn, held, now)
        batch = fix_batch(conn, [counted, held], filter_query={}, actor=ADA, now=now)
    app = open_page("ada", "batch", id=str(batch))
    assert button(app, "decide_batch_").label.endswith("Approve 1 payout · $40,000.00")
    with desk.begin() as conn:
        lift_hold(conn, hold, actor=BEN, now=now, note="settled")
    app = button(app, "decide_batch_").click().run()
    assert (status_of(counted), status_of(held)) == ("approved", "pending")
    ((_, why),) = app.session_state["result"]["refused"]
    assert "hold" in why.lower()


def test_none_if_one_has_changed_means_one_of_those_the_button_counted(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    with desk.begin() as conn:
        counted = [pending(conn, [minor], now=now) for minor in (4_000, 5_000)]
        held = pending(conn, [9_000], now=now)
        on_hold(conn, held, now)
        batch = fix_batch(conn, [*counted, held], filter_query={}, actor=ADA, now=now)
    app = open_page("ada", "batch", id=str(batch))
    (choice,) = [one for one in app.radio if "changed meanwhile" in one.label]
    choice.set_value("none").run()
    button(app, "decide_batch_").click().run()
    assert [status_of(one) for one in (*counted, held)] == ["approved", "approved", "pending"]


def test_the_button_of_a_set_is_not_the_button_of_another_set_of_another_decision_or_of_other_payouts(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        first, second = pending(conn, [4_000], now=now), pending(conn, [5_000], now=now)
        sets = [
            fix_batch(conn, ids, filter_query={}, actor=ADA, now=now) for ids in ([first], [first, second])
        ]
    app = open_page("ada", "batch", id=str(sets[0]))
    keys = [button(app, "decide_batch_").key]
    app.query_params["id"] = str(sets[1])
    keys.append(button(app.run(), "decide_batch_").key)
    with desk.begin() as conn:
        on_hold(conn, second, now)
    keys.append(button(app.run(), "decide_batch_").key)
    app.query_params["decision"] = "reject"
    keys.append(button(app.run(), "decide_batch_").key)
    assert len(set(keys)) == len(keys)


def test_the_strip_of_an_approval_does_not_take_back_a_later_one(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    with desk.begin() as conn:
        payout = pending(conn, [5_000], now=now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run()
    with desk.begin() as conn:
        take_back_payouts(conn, [Wanted(id=payout)], actor=BEN, now=now, reason="look again")
        approve_payouts(conn, [Wanted(id=payout)], actor=BEN, now=now)
    app = button(app, "take_back_result_").click().run()
    assert status_of(payout) == "approved"
    assert "hanged since" in app.session_state["result"]["refused"][0][1]


def test_taking_out_tells_what_left_the_set_though_it_was_decided_and_what_a_colleague_took_out_before(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    until = (now + timedelta(days=3)).date()
    with desk.begin() as conn:
        decided, gone, mine = (pending(conn, [minor], now=now) for minor in (4_000, 5_000, 6_000))
        batch = fix_batch(conn, [decided, gone, mine], filter_query={}, actor=ADA, now=now)
    app = open_page("ada", "batch", id=str(batch))
    app.session_state[f"batch-{batch}-1-3"] = {"selection": {"rows": [0, 1, 2], "columns": [], "cells": []}}
    app = app.run().button(key="take_out").click().run()
    with desk.begin() as conn:
        approve_payouts(conn, [Wanted(id=decided)], actor=BEN, now=now)
        leave_out(conn, batch, gone, reason="asks first", until=until, actor=BEN, now=now)
    field(app.text_input, "why").set_value("waits for an invoice")
    button(app, "out-").click().run()
    result = app.session_state["result"]
    assert result["headline"] == "2 payouts taken out."
    assert [what for what, _ in result["refused"]] == [f"Payout {decided}: not set aside.", f"Payout {gone}:"]
    with desk.connect() as conn:
        left = conn.execute(text("SELECT left_out FROM batch_item ORDER BY payout_id")).scalars().all()
    assert left == ["waits for an invoice", "asks first", "waits for an invoice"]
    assert [status_of(one) for one in (decided, gone, mine)] == ["approved", "pending", "pending"]
