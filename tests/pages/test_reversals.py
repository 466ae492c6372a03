"""Pulling a paid payout back on its page: offered to who may, proposed with how much and why, confirmed by another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.decisions import Wanted, approve_payouts
from core.proposals import confirm, propose
from core.providers import Declined, Order, Succeeded, Unknown
from core.providers.simulator import SUCCESS, Simulator
from core.reversals import reversal_content
from core.reversing import reverse_due
from core.sending import send_due
from tests.desk import HOUR
from tests.pages.dialogs import field
from tests.pages.test_payout import drawn
from tests.world import PEOPLE, pending

Open = Callable[..., AppTest]
WHY = "paid to the wrong account"


def actor(name: str) -> Actor:
    return Actor(name=f"user:{name}", channel="page", roles=frozenset(PEOPLE[name][1]))


def simulator(desk: Engine) -> Simulator:
    return Simulator(engine=desk, success=dict.fromkeys(SUCCESS, 1))  # type: ignore[arg-type]


@pytest.fixture
def paid(desk: Engine, now: datetime) -> int:
    """A payout of 24.75 net, paid."""
    with desk.begin() as conn:
        payout = pending(conn, [25_00], now=now)
        approve_payouts(conn, [Wanted(id=payout)], actor=actor("ada"), now=now)
    send_due(desk, simulator(desk), now=now)
    return payout


def asked_back(desk: Engine, payout: int, name: str, now: datetime, amount: str | None = None) -> int:
    with desk.begin() as conn:
        return propose(
            conn, "reverse_payout", ids=[payout], why=WHY, content=reversal_content(amount), actor=actor(name), now=now
        )  # fmt: skip


def words(app: AppTest) -> str:
    assert not app.exception
    tables = [drawn(table) for table in app.table]
    texts = [*(one.value for one in app.markdown), *(one.value for one in app.caption), *tables]
    return "\n".join(texts).replace("\\", "")


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def menus(app: AppTest) -> str:
    return " ".join(str(menu.proto) for menu in app.get("menu_button"))


def scalar(desk: Engine, query: str) -> object:
    with desk.connect() as conn:
        return conn.execute(text(query)).scalar()


@pytest.mark.parametrize(("name", "offers"), [("max", True), ("ada", True), ("vera", False)])
def test_it_is_offered_to_who_may_propose_it(paid: int, open_page: Open, name: str, *, offers: bool) -> None:
    app = open_page(name, "payout", id=str(paid))
    assert not app.exception
    assert ("Reverse…" in menus(app)) is offers


def test_what_was_proposed_waits_for_another_person_and_says_how_much(
    desk: Engine, paid: int, open_page: Open, now: datetime
) -> None:
    proposal = asked_back(desk, paid, "max", now, "10.00")

    his, hers = (open_page(name, "payout", id=str(paid)) for name in ("max", "ada"))

    for app in (his, hers):
        assert WHY in words(app)
        assert "$10.00 of" in words(app)
    assert "Your own proposal" in words(his)
    assert f"confirm-{proposal}" not in keys(his)
    hers.button(key=f"confirm-{proposal}").click().run()
    assert not hers.exception
    assert hers.session_state["result"]["badge"] == "done"
    assert "The scheduler pulls it back next" in hers.session_state["result"]["then"]
    assert scalar(desk, "SELECT state || ' ' || amount_minor FROM reversal") == "started 1000"
    assert "Being pulled back" in words(hers)
    assert "Reverse…" not in menus(hers)


def test_the_keys_of_a_payout_decide_again_once_the_refusal_of_a_proposal_was_left(
    desk: Engine, paid: int, open_page: Open, now: datetime
) -> None:
    proposal = asked_back(desk, paid, "max", now, "10.00")
    app = open_page("ada", "payout", id=str(paid)).button(key=f"refuse-{proposal}").click().run()
    assert f"next_{paid}_quiet" in keys(app)
    app = app.button(key="why-cancel").click().run()
    assert f"next_{paid}" in keys(app)


def test_the_story_tells_who_pulled_what_back_and_why_and_that_it_came(
    desk: Engine, paid: int, open_page: Open, now: datetime
) -> None:
    proposal = asked_back(desk, paid, "max", now, "10.00")
    with desk.begin() as conn:
        confirm(conn, proposal, actor=actor("ada"), now=now)
    reverse_due(desk, simulator(desk), now=now)

    shown = words(open_page("ada", "payout", id=str(paid)))

    ref = str(scalar(desk, "SELECT provider_ref FROM reversal"))
    assert f"To be pulled back, by max and ada: {WHY}" in shown
    assert f"Came back: {ref}" in shown
    assert "Succeeded" in shown


def test_a_reversal_without_an_answer_stands_on_operations_and_is_proved_absent_by_two(
    desk: Engine, paid: int, open_page: Open, now: datetime
) -> None:
    proposal = asked_back(desk, paid, "max", now)
    with desk.begin() as conn:
        confirm(conn, proposal, actor=actor("ada"), now=now)
    for hours in (0, 24, 25, 26):
        reverse_due(desk, Mute(engine=desk), now=now + hours * HOUR)
    assert scalar(desk, "SELECT absent_looks FROM reversal") == 3

    app = open_page("ada", "operations")

    assert "to pull back from" in words(app)
    app.button(key=f"evidence-reversal-{paid}").click().run()
    assert "Asked back" in words(app)
    app = open_page("ada", "operations")
    app.button(key=f"absent-reversal-{paid}").click().run()
    assert not app.exception
    field(app.text_input, "two-people-reason").set_value("not in their dashboard either")
    app.button(key="why-done").click().run()
    assert not app.exception
    assert scalar(desk, "SELECT kind FROM proposal ORDER BY id DESC LIMIT 1") == "reversal_absent"
    assert scalar(desk, "SELECT state FROM reversal") == "unknown"


class Mute(Simulator):
    """The simulator with nothing that is asked of it ever arriving."""

    def reverse(self, order: Order) -> Succeeded | Declined | Unknown:
        raise TimeoutError(order.key)
