"""What is approved and waits for its time, on the pages: when it leaves, and the one click that takes it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.batches import decide_batch, fix_batch
from core.decisions import Wanted, approve_payouts
from core.presets import PRESETS
from core.programs import install_presets
from core.providers.simulator import Simulator
from core.sending import send_due
from tests import builders as b
from tests.pages.conftest import Open, button
from tests.pages.dialogs import field
from tests.world import World, pending

Status = Callable[[int], str]
Balance = Callable[[int], tuple[int, int]]
ADA = World().actor("ada")


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    said += [str(one.value.to_string()) for one in app.table]
    return "\n".join(said).replace("\\", "")


def headline(app: AppTest) -> str:
    return str(app.session_state["result"]["headline"])


@pytest.fixture
def two_hours(desk: Engine, now: datetime) -> Engine:
    """Affiliates are paid two hours after the approval."""
    preset = next(one for one in PRESETS if one.code == "affiliate")
    terms = preset.policy.model_dump(mode="json") | {"sending": {"delay": "PT2H"}}
    with desk.begin() as conn:
        install_presets(conn, now=now)
        program = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
        b.policy(conn, program, version=2, terms=json.dumps(terms))
    return desk


def approved(desk: Engine, now: datetime) -> int:
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
        assert approve_payouts(conn, [Wanted(id=payout)], actor=ADA, now=now).done == [payout]
    return payout


def test_an_approval_says_when_it_leaves_and_is_taken_back_where_it_was_given(
    two_hours: Engine, open_page: Open, now: datetime, status_of: Status, balance_of: Balance
) -> None:
    with two_hours.begin() as conn:
        payout = pending(conn, [2500], now=now)
    app = open_page("ada", "payout", id=str(payout))
    assert "Sent 2 h after the approval" in words(app)

    app = app.button(key=f"do_approve_{payout}").click().run()
    assert not app.exception
    assert "unless taken back" in app.session_state["result"]["then"]
    assert (status_of(payout), balance_of(payout)) == ("approved", (0, 2500))

    app = button(app, "take_back_result_").click().run()
    assert headline(app) == "1 payout taken back."
    assert (status_of(payout), balance_of(payout)) == ("pending", (0, 2500))


def test_taking_back_is_the_next_action_of_a_payout_that_waits_for_anybody_who_approves(
    two_hours: Engine, open_page: Open, now: datetime, status_of: Status
) -> None:
    payout = approved(two_hours, now)
    app = open_page("ben", "payout", id=str(payout))

    assert "Approved: leaves" in words(app)
    assert "Leaves, unless taken back" in words(app)
    assert "but stopped" not in words(app)
    keys = {str(one.key) for one in app.button}
    assert f"do_process_{payout}" not in keys

    app = app.button(key=f"do_take back_{payout}").click().run()
    assert not app.exception
    assert status_of(payout) == "pending"
    assert {str(one.key) for one in app.button} >= {f"do_approve_{payout}", f"do_reject_{payout}"}


def test_taken_back_too_late_is_refused_by_name_and_the_payout_has_left(
    two_hours: Engine, open_page: Open, now: datetime, status_of: Status
) -> None:
    payout = approved(two_hours, now - timedelta(hours=1))
    app = open_page("ben", "payout", id=str(payout))
    send_due(
        two_hours, Simulator(engine=two_hours, success={"stripe": Decimal(1)}), now=now + timedelta(hours=1)
    )
    assert status_of(payout) == "paid"

    app = app.button(key=f"do_take back_{payout}").click().run()

    assert status_of(payout) == "paid"
    assert headline(app) == "Nothing was taken back."


def test_an_operator_reads_when_it_leaves_and_has_no_such_button(
    two_hours: Engine, open_page: Open, now: datetime
) -> None:
    app = open_page("max", "payout", id=str(approved(two_hours, now)))
    assert "Approved: leaves" in words(app)
    assert not [one for one in app.button if str(one.key).startswith("do_take back")]


def test_a_decided_batch_is_taken_back_as_far_as_it_has_not_left(
    two_hours: Engine, open_page: Open, now: datetime, status_of: Status
) -> None:
    with two_hours.begin() as conn:
        ids = [pending(conn, [2500], now=now) for _ in range(3)]
        batch = fix_batch(conn, ids, filter_query={}, actor=ADA, now=now)
        decide_batch(conn, batch, "approve", totals_minor={"USD": 3 * 2475}, actor=ADA, now=now)
    app = open_page("ben", "batch", id=str(batch))
    assert not app.exception
    assert "unless taken back" in words(app)

    app = button(app, "take_back_batch_").click().run()
    assert headline(app) == "3 payouts taken back."
    assert {status_of(payout) for payout in ids} == {"pending"}


def test_overview_and_operations_tell_calmly_of_what_waits(
    two_hours: Engine, open_page: Open, now: datetime
) -> None:
    approved(two_hours, now - timedelta(hours=1))  # long enough to be called stuck, were it late
    overview = open_page("ada", "overview")
    assert not overview.exception
    links = [str(link.proto.label) for link in overview.get("page_link")]
    assert any("1 waits for its time" in link for link in links)

    operations = open_page("ada", "operations")
    assert not operations.exception
    (stuck,) = [one for one in operations.metric if one.label == "Stuck payouts"]
    assert stuck.value == "None"
    assert "approved for later" in str(stuck.proto.delta_description)


def test_a_program_is_given_a_delay_by_two_people_who_see_what_it_does(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    with desk.begin() as conn:
        install_presets(conn, now=now)
    app = open_page("ada", "programs", program="affiliate", edit="1")
    app.text_input(key="policy-affiliate-1-delay").set_value("soon").run()
    assert "soon is no time; write 30 min, 2 h or 1 d" in words(app)

    app.text_input(key="policy-affiliate-1-delay").set_value("1 d 2 h").run()
    assert not app.exception
    assert "1 d 2 h after the approval" in words(app)
    assert "Approved now, one leaves (UTC)" in words(app)
    app.button(key="propose-policy").click().run()
    field(app.text_input, "two-people-reason").set_value("a night to think")
    app.button(key="why-done").click().run()

    other = open_page("ben", "programs", program="affiliate")
    next(button for button in other.button if str(button.key).startswith("confirm-")).click().run()
    assert not other.exception
    assert "1 d 2 h after the approval" in words(other)
    with desk.connect() as conn:
        query = "SELECT CAST(terms #>> '{sending,delay}' AS interval) FROM policy WHERE version = 2"
        assert conn.execute(text(query)).scalar_one() == timedelta(days=1, hours=2)


def test_hours_are_added_row_by_row_and_written_as_they_are_read(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    with desk.begin() as conn:
        install_presets(conn, now=now)
    key = "policy-affiliate-1-hours"
    app = open_page("ada", "programs", program="affiliate", edit="1")
    app.selectbox(key=f"{key}-rule-0").select("only in").run()
    app.time_input(key=f"{key}-from-0").set_value(time(22)).run()
    app.time_input(key=f"{key}-to-0").set_value(time(6)).run()
    app.selectbox(key=f"{key}-rule-1").select("never in").run()
    app.button_group(key=f"{key}-on-1").set_value([7]).run()
    app.checkbox(key="policy-affiliate-1-urgent_passes").check().run()

    assert not app.exception
    assert "once approved, Mon–Fri 22:00–06:00, never Sun 09:00–17:00, urgent ones at any hour" in words(app)
    app.button_group(key=f"{key}-on-1").set_value([]).run()
    assert "choose the weekdays of the hours" in words(app)
    app.button_group(key=f"{key}-on-1").set_value([1, 2, 3, 4, 5, 6, 7]).run()
    app.time_input(key=f"{key}-from-1").set_value(time(0)).run()
    app.time_input(key=f"{key}-to-1").set_value(time(0)).run()
    assert "no hour of the week is left" in words(app)
