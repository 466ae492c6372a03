"""The payout queue: what it shows follows its address, and what is decided is what was seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pandas as pd
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.holds import place_hold
from pages.shared.queue_columns import grid_key
from pages.shared.queue_filters import USUAL_ORDER
from tests.pages.conftest import Open
from tests.world import pending

Status = Callable[[int], str]
Balance = Callable[[int], tuple[int, int]]
OPS = Actor(name="user:ada", channel="page", roles=frozenset({"operator", "maker"}))


def two_pending(desk: Engine, now: datetime) -> tuple[int, int]:
    with desk.begin() as conn:
        return pending(conn, [2500], now=now, name="Ana Silva"), pending(
            conn, [10000, 500], now=now, name="Bo Berg", method="paypal"
        )


def tick(app: AppTest, desk: Engine, *payouts: int) -> AppTest:
    shown = [int(payout) for payout in app.dataframe[0].value["id"]]
    with desk.connect() as conn:
        versions = {row.id: row.version for row in conn.execute(text("SELECT id, version FROM payout"))}
    listed = pd.DataFrame({"id": shown, "version": [versions[payout] for payout in shown]})
    key = grid_key(listed, app.query_params.get("sort", [USUAL_ORDER])[0])
    places = [shown.index(payout) for payout in payouts]
    app.session_state[key] = {"selection": {"rows": places, "columns": [], "cells": []}}
    return app.run()


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, begins: str, *, key: str = "") -> AppTest:
    (button,) = [one for one in app.button if begins in one.label and (one.key or "").startswith(key)]
    return button.click().run()


def test_a_viewer_sees_the_queue_and_no_action(desk: Engine, open_page: Open, now: datetime):
    one, two = two_pending(desk, now)
    app = open_page("vera", "queue", view="ready")
    assert sorted(app.dataframe[0].value["id"]) == sorted([str(one), str(two)])
    assert labels(app) == ["Sign out"]
    assert "Ana Silva" not in app.dataframe[0].value.to_string()
    hers, adas = app.dataframe[0].proto, open_page("ada", "queue", view="ready").dataframe[0].proto
    assert len(hers.selection_mode) == 2  # a click opens or orders; no ticks
    assert len(adas.selection_mode) == 3


def test_what_only_a_link_asks_for_is_said_and_can_be_taken_away(
    desk: Engine, open_page: Open, now: datetime
):
    one, two = two_pending(desk, now)
    app = open_page("ada", "queue", view="all", currency="EUR", queued_after="2026-01-02T03:04:00+00:00")
    told = " ".join(text.value for text in app.caption)
    assert "Only what is in EUR, requested after" in told
    app = app.button(key="clear_linked").click().run()
    assert sorted(app.dataframe[0].value["id"]) == sorted([str(one), str(two)])


def test_a_search_that_finds_no_payout_leads_to_the_partners(desk: Engine, open_page: Open, now: datetime):
    two_pending(desk, now)
    app = open_page("ada", "queue", view="all", search="nobody")
    (link,) = [link for link in app.get("page_link") if "partners" in link.proto.label]
    assert link.proto.query_string == "search=nobody"


def test_filters_come_from_the_address(desk: Engine, open_page: Open, now: datetime):
    one, two = two_pending(desk, now)
    assert list(open_page("ada", "queue", method="paypal").dataframe[0].value["id"]) == [str(two)]
    assert list(open_page("ada", "queue", search="Ana").dataframe[0].value["id"]) == [str(one)]
    assert "No payout matches" in " ".join(
        text.value for text in open_page("ada", "queue", method="check").markdown
    )


def test_ticked_payouts_are_approved_and_their_money_stays_reserved(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, balance_of: Balance
):
    one, two = two_pending(desk, now)
    assert balance_of(two) == (0, 10500)
    app = tick(open_page("ada", "queue", view="ready"), desk, one, two)
    app = press(app, "Approve 2 · $129.50")
    app = press(app, "Approve 2 payouts · $129.50", key="confirm")
    assert not app.exception
    assert (status_of(one), status_of(two)) == ("approved", "approved")
    assert (balance_of(one), balance_of(two)) == ((0, 2500), (0, 10500))


def test_a_payout_that_changed_after_it_was_ticked_is_refused_by_name_and_the_rest_is_approved(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    one, two = two_pending(desk, now)
    app = press(tick(open_page("ada", "queue", view="ready"), desk, one, two), "Approve 2 · $129.50")
    with desk.begin() as conn:
        conn.execute(text("UPDATE payout SET priority = 'urgent' WHERE id = :id"), {"id": two})
    app = press(app, "Approve 2 payouts", key="confirm")
    assert (status_of(one), status_of(two)) == ("approved", "pending")
    result = app.run().session_state["result"]
    assert result["headline"] == "1 payout, $24.75."
    assert [what for what, _ in result["refused"]] == [f"Payout {two} to Bo Berg:"]


def test_reject_needs_a_reason_and_gives_the_money_back(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, balance_of: Balance
):
    one, _ = two_pending(desk, now)
    app = press(tick(open_page("ada", "queue", view="ready"), desk, one), "Reject", key="selected")
    app = press(app, "Reject 1 payout", key="confirm")
    assert (status_of(one), balance_of(one)) == ("pending", (0, 2500))
    app = press(tick(app, desk, one), "Reject", key="selected")
    (reason,) = [field for field in app.text_input if "Reason" in field.label]
    reason.input("entered twice")
    press(app, "Reject 1 payout", key="confirm")
    assert status_of(one) == "rejected"
    assert balance_of(one) == (2500, 0)


def test_all_that_match_become_a_set_fixed_at_that_moment(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    one, two = two_pending(desk, now)
    app = press(open_page("ada", "queue", view="ready"), "Select all 2")
    with desk.begin() as conn:
        later = pending(conn, [777], now=now)
        fixed = conn.execute(text("SELECT payout_id FROM batch_item ORDER BY 1")).scalars().all()
    assert fixed == [one, two]
    assert app.query_params["id"] == "1"
    app = press(app, "Approve 2 payouts · $129.50")
    assert not app.exception
    assert [status_of(payout) for payout in (one, two, later)] == ["approved", "approved", "pending"]


def test_what_is_blocked_says_what_stands_in_the_way_and_whose_move_it_is(
    desk: Engine, open_page: Open, now: datetime
):
    one, two = two_pending(desk, now)
    assert open_page("ada", "queue", view="blocked").dataframe.len == 0
    with desk.begin() as conn:
        for payout_id, reason in ((one, "kyc"), (two, "manual")):
            partner_id = conn.execute(
                text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout_id}
            ).scalar_one()
            place_hold(conn, partner_id, reason, actor=OPS, now=now, note="as agreed")
    rows = open_page("ada", "queue", view="blocked").dataframe[0].value.set_index("id")
    assert list(rows.loc[str(one), ["stands", "whose"]]) == [
        "On hold: the partner's identity is not verified",
        "Partner’s",
    ]
    assert rows.loc[str(two), "whose"] == "Ours"
    told = open_page("ada", "queue", view="open").dataframe[0].value.set_index("id")
    assert "Blocked" in str(told.loc[str(one), "signals"])
    chosen = open_page("ada", "queue", view="open", columns="id.stands").dataframe[0].value
    assert "On hold: the partner's identity is not verified" in set(chosen["stands"])
