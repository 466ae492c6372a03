"""One payout decided from its page: the right, the session and the click are proved again inside the transaction."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.batches import TotalDiffers
from core.decisions import Wanted
from core.money_words import written
from core.steering import take_back_payouts
from core.users import end_sessions, set_roles
from pages.shared import payout_actions
from pages.shared.desk import Person
from tests import builders
from tests.pages.conftest import Open, button
from tests.world import HOST, World, pending

PAGES = Path(__file__).parents[2] / "pages"
Status = Callable[[int], str]
Balance = Callable[[int], tuple[int, int]]


def one_pending(desk: Engine, now: datetime, *amounts: int) -> int:
    with desk.begin() as conn:
        return pending(conn, amounts or [2500], now=now)


def headline(app: AppTest) -> str:
    return str(app.session_state["result"]["headline"])


def test_a_viewer_sees_a_payout_and_no_action(desk: Engine, open_page: Open, now: datetime):
    app = open_page("vera", "payout", id=str(one_pending(desk, now)))
    assert {one.label for one in app.button} == {"Next", "Sign out"}


def test_approving_asks_for_nothing_else_and_moves_no_money(
    desk: Engine, open_page: Open, now: datetime, status_of: Status, balance_of: Balance
):
    payout = one_pending(desk, now)
    assert balance_of(payout) == (0, 2500)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run()
    assert (status_of(payout), balance_of(payout)) == ("approved", (0, 2500))
    assert headline(app) == "1 payout, $24.75."


def test_an_approval_while_the_scheduler_is_silent_says_when_it_leaves(
    desk: Engine, open_page: Open, now: datetime
):
    app = (
        open_page("ada", "payout", id=str(payout := one_pending(desk, now)))
        .button(key=f"do_approve_{payout}")
        .click()
        .run()
    )
    assert "leaves when it is back" in app.session_state["result"]["then"]


def test_a_forged_click_of_a_viewer_is_refused(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout))
    claimed = frozenset({"approver"})
    app.session_state["person"] = Person(name="vera", full_name="", roles=claimed, epoch=0)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert status_of(payout) == "pending"
    assert headline(app) == "Nothing was approved."
    assert "takes the role approver" in app.session_state["result"]["refused"][0][1]


def test_a_session_that_was_ended_decides_nothing(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout))
    with desk.begin() as conn:
        end_sessions(conn, "ada", actor=HOST, now=now)
    app = app.button(key=f"do_approve_{payout}").click().run()
    assert status_of(payout) == "pending"
    assert [field.label for field in app.text_input] == ["Name", "Password"]


def test_a_role_taken_away_decides_nothing(desk: Engine, open_page: Open, now: datetime, status_of: Status):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout))
    with desk.begin() as conn:
        set_roles(conn, "ada", ["viewer"], actor=HOST, now=now)
    app.button(key=f"do_approve_{payout}").click().run()
    assert status_of(payout) == "pending"


def test_the_same_click_again_decides_nothing_and_tells_the_first_outcome(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout))
    name = f"approve {payout}"
    token = app.session_state["tokens"][name]
    app = app.button(key=f"do_approve_{payout}").click().run()
    with desk.begin() as conn:
        take_back_payouts(conn, [Wanted(id=payout)], actor=World().actor("ben"), now=now)
    app.session_state["tokens"] = {name: token}
    app = app.run().button(key=f"do_approve_{payout}").click().run()
    assert status_of(payout) == "pending"
    assert headline(app) == "1 payout, $24.75."
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM approval")).scalar_one() == 1


def test_a_refusal_is_told_as_it_is_written_with_every_amount_it_names(
    desk: Engine, open_page: Open, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object, **__: object) -> NoReturn:
        raise TotalDiffers(actual=written(12_00, "USD"), seen=written(15_00, "USD"))

    monkeypatch.setattr(payout_actions, "told", refused)
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run()
    [strip] = [one.value for one in app.markdown if "The batch comes to" in one.value]
    # Two bare dollar signs would be a formula.
    assert "comes to \\$12\\.00 now, not the \\$15\\.00 you" in strip


def test_an_approval_is_taken_back_from_its_result(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run()
    button(app, "take_back_result_").click().run()
    assert status_of(payout) == "pending"


def test_what_was_decided_is_told_on_its_page_and_not_on_the_page_of_another(
    desk: Engine, open_page: Open, now: datetime
):
    payout, other = one_pending(desk, now), one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run().run()
    assert headline(app) == "1 payout, $24.75."
    app.query_params["id"] = str(other)
    assert "result" not in app.run().session_state


def test_what_has_left_is_not_offered_to_be_taken_back(desk: Engine, open_page: Open, now: datetime):
    payout = one_pending(desk, now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_approve_{payout}").click().run()
    assert button(app, "take_back_result_").label == "Take back"
    with desk.begin() as conn:
        builders.claim(conn, payout)
    assert not [one for one in app.run().button if str(one.key).startswith("take_back_result_")]


def test_a_large_set_wants_its_total_typed_back(
    desk: Engine, open_page: Open, now: datetime, status_of: Status
):
    payout = one_pending(desk, now, 5_000_100)
    app = open_page("ada", "queue", view="ready")
    app = next(one for one in app.button if one.label == "Select all 1").click().run()
    app = button(app.switch_page("pages/batch.py").run(), "decide_batch_").click().run()
    assert status_of(payout) == "pending"
    (total,) = [field for field in app.text_input if "net total" in field.label]
    total.input("50,000.75")
    button(app, "decide_batch_").click().run()
    assert status_of(payout) == "approved"


# Where a page writes outside a decision, each safe to be cut short or run twice.
WRITES_OF_THEIR_OWN = {
    "decisions.py",  # the one way
    "sign_in.py",  # who came in or left, whose last click it was
    "import_runs.py",  # a thread of its own, which a closed tab does not end; a row goes in once
    "taking_home.py",  # that somebody took a payment file
    "payment_result_file.py",  # tries a result and takes it back
}


def test_pages_write_nothing_outside_a_decision():
    found = {path.name for path in PAGES.rglob("*.py") if ".begin()" in path.read_text()}
    assert found == WRITES_OF_THEIR_OWN


def test_no_decision_is_made_in_the_run_of_a_page_where_the_next_click_would_cut_it_short():
    """A decision is what a click calls, never the body behind `if st.button(...)`."""
    calls = 0
    for path in PAGES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If) and "button(" in ast.unparse(node.test):
                body = "".join(ast.unparse(one) for one in node.body)
                assert not re.search(r"\bdecide(_in_dialog)?\(", body), (
                    f"{path.name}: {ast.unparse(node.test)}"
                )
            calls += isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("decide", "decide_in_dialog")
            )
    assert calls > 30
