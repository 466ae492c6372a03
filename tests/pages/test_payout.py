"""One payout's page: it offers only what this person may do now, and says whose move it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.decisions import Wanted, approve_payouts
from pages.shared.payout_actions import APPROVE, BRING_BACK, priority
from pages.shared.payout_confirm import one_or_many
from tests import builders
from tests.pages.conftest import Open

Status = Callable[[int], str]
MOVES = ("**yours**", "**an approver’s**", "**another approver’s**")


def by(name: str) -> Actor:
    return Actor(name=f"user:{name}", channel="page", roles=frozenset({"approver"}))


def approve(desk: Engine, payout_id: int, name: str, now: datetime) -> None:
    with desk.begin() as conn:
        answer = approve_payouts(conn, [Wanted(id=payout_id)], actor=by(name), now=now)
    assert not answer.refused


def one_pending(desk: Engine, now: datetime, *, approvals_needed: int = 1) -> int:
    with desk.begin() as conn:
        preset = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
        partner_id = builders.partner(conn, preset, name="Ana Silva")
        earned = builders.earning(conn, partner_id, 2500, release_at=now - timedelta(days=2))
        return builders.payout(
            conn, partner_id, [earned], queued_at=now, fee_minor=25, approvals_needed=approvals_needed
        )


def put_on_hold(desk: Engine, payout_id: int) -> None:
    with desk.begin() as conn:
        owner = text("SELECT partner_id FROM payout WHERE id = :id")
        builders.hold(conn, conn.execute(owner, {"id": payout_id}).scalar_one(), "dispute")


def labels(app: AppTest) -> str:
    return " | ".join(button.label for button in app.button)


def press(app: AppTest, begins: str) -> AppTest:
    (button,) = [one for one in app.button if begins in one.label]
    return button.click().run()


def drawn(table: Any) -> str:  # noqa: ANN401 - an element of AppTest
    """All a table shows, its Styler's texts too."""
    return bytes(table.proto.SerializeToString()).decode(errors="ignore")


def told(app: AppTest) -> str:
    assert not app.exception
    result = app.session_state["result"]
    return f"{result['headline']} {result['then']}".replace("\\", "")  # as Markdown shows it


def test_who_has_approved_is_not_asked_again_and_is_told_whose_move_it_is(
    desk: Engine, open_page: Open, now: datetime
):
    payout_id = one_pending(desk, now, approvals_needed=2)
    assert "Approve" in labels(open_page("ada", "payout", id=str(payout_id)))
    approve(desk, payout_id, "ada", now)
    hers, his = (open_page(name, "payout", id=str(payout_id)) for name in ("ada", "ben"))
    assert "Approve" not in labels(hers)
    assert "Approve" in labels(his)


@pytest.mark.parametrize(
    ("name", "whose"), [("ada", "another approver’s"), ("ben", "yours"), ("max", "an approver’s")]
)
def test_the_missing_approval_is_the_move_of_who_may_give_it(
    desk: Engine, open_page: Open, now: datetime, name: str, whose: str
):
    payout_id = one_pending(desk, now, approvals_needed=2)
    approve(desk, payout_id, "ada", now)
    app = open_page(name, "payout", id=str(payout_id))
    assert not app.exception
    assert [move for move in MOVES if any(move in drawn(table) for table in app.table)] == [f"**{whose}**"]


def test_what_is_on_hold_offers_no_approval(desk: Engine, open_page: Open, now: datetime):
    payout_id = one_pending(desk, now)
    put_on_hold(desk, payout_id)
    app = open_page("ada", "payout", id=str(payout_id))
    assert "Reject" in labels(app)
    assert "Approve" not in labels(app)
    shown = " ".join(drawn(table) for table in app.table)
    assert "Not to be approved yet" in shown
    assert shown.index("Not to be approved yet") < shown.index("Waits for one approver")
    assert "may approve once it is free" in shown


def test_process_now_does_not_promise_what_a_hold_prevents(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout_id = one_pending(desk, now)
    approve(desk, payout_id, "ada", now)
    put_on_hold(desk, payout_id)
    app = press(open_page("ada", "payout", id=str(payout_id)), "Process now")
    assert told(app) == "1 payout, $24.75. It does not leave yet. On hold: a sale is disputed."
    assert status_of(payout_id) == "approved"


def test_a_click_that_came_too_late_is_answered(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout_id = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout_id))
    approve(desk, payout_id, "ben", now)
    app = press(app, "Reject")
    assert told(app) == "Nothing was rejected. The payout is approved now."
    assert status_of(payout_id) == "approved"


def test_every_action_reads_as_a_sentence_and_asks_only_for_a_note_that_is_kept():
    urgent = priority("urgent")
    assert urgent.doing("2 payouts") == "give 2 payouts priority urgent"
    assert one_or_many(urgent, "one") == "Leave that one out and give the rest priority urgent"
    assert one_or_many(APPROVE, "none") == "Approve nothing"
    assert [action.keeps_note for action in (urgent, BRING_BACK, APPROVE)] == [False, False, True]
