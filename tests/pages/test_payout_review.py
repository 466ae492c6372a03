"""Reviewing payouts one by one: what follows, what is unusual, what was tried, and what colleagues wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.decisions import Wanted, approve_payouts
from core.reads.payouts import PAGE_ROWS
from core.reads.shown import show
from core.steering import set_priority, take_back_payouts
from pages.shared import desk as pages_desk
from pages.shared import keys, payout_tools
from tests import builders
from tests.desk import open_desk
from tests.pages.conftest import Open
from tests.pages.dialogs import field
from tests.pages.test_overview import words
from tests.pages.test_payout import drawn, one_pending
from tests.world import World, pending


def test_next_goes_on_behind_the_last_row_of_the_page_that_was_seen(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        made = [pending(conn, [1_000 + n], now=now) for n in range(PAGE_ROWS + 2)]
    newest_first = sorted(made, reverse=True)
    app = open_page("ada", "queue", view="ready")
    app.switch_page("pages/payout.py")
    app.query_params["id"] = str(newest_first[PAGE_ROWS - 1])
    app.run()

    app.button(key=f"next_{app.query_params['id']}").click().run()
    assert app.query_params["id"] == str(newest_first[PAGE_ROWS])
    app.button(key=f"next_{app.query_params['id']}").click().run()
    assert app.query_params["id"] == str(newest_first[PAGE_ROWS + 1])
    app.button(key=f"next_{app.query_params['id']}").click().run()
    assert app.query_params["id"] == str(newest_first[0])


def test_a_refusal_nobody_has_seen_goes_along_with_next_and_what_was_seen_does_not(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        first, second = pending(conn, [1_000], now=now), pending(conn, [2_000], now=now)
    app = open_page("ada", "payout", id=str(first))
    with desk.begin() as conn:
        set_priority(conn, [Wanted(id=first)], priority="high", actor=World().actor("ben"), now=now)
    app.button(key=f"do_approve_{first}").click()
    app.button(key=f"next_{first}").click().run()  # faster than the page is drawn
    assert app.query_params["id"] == str(second)
    assert "Nothing was approved." in words(app)
    assert f"Payout {first} to Ana Silva" in words(app)
    app.button(key=f"next_{second}").click().run()
    assert "Nothing was approved." not in words(app)


def test_reject_pressed_right_behind_next_opens_its_dialog_and_one_pressed_later_leaves_the_keys_quiet(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        first, second = pending(conn, [1_000], now=now), pending(conn, [2_000], now=now)
    app = open_page("ada", "payout", id=str(first))
    app.button(key=f"next_{first}").click()
    app.button(key=f"do_reject_{first}").click().run()
    assert app.query_params["id"] == str(first)
    assert field(app.text_input, "reason")

    late = open_page("ada", "payout", id=str(first))
    late.query_params["id"] = str(second)  # the address is the next one's, the button still the one's before
    late.button(key=f"do_reject_{first}").click().run()
    assert late.session_state[keys.QUIET] == second
    assert f"do_approve_{second}" not in {one.key for one in late.button}


def test_a_click_on_next_that_was_overtaken_sends_nobody_on_from_a_payout_opened_later(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        first, second, _ = (pending(conn, [minor], now=now) for minor in (1_000, 2_000, 3_000))
    app = open_page("ada", "payout", id=str(first))
    app.session_state[payout_tools.GOING] = first  # the run of the click was cut short by one on another page
    app.query_params["id"] = str(second)
    app.run()
    assert app.query_params["id"] == str(second)


def test_a_letter_of_what_is_typed_where_the_keys_are_quiet_decides_nothing_and_a_click_drawn_since_decides(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        first, second = pending(conn, [1_000], now=now), pending(conn, [2_000], now=now)

    def decided() -> set[int]:
        with desk.connect() as conn:
            return set(conn.execute(text("SELECT id FROM payout WHERE status <> 'pending'")).scalars())

    app = open_page("ada", "payout", id=str(first))
    app.session_state[keys.QUIET] = first  # its keys had been drawn before
    app.button(key=f"do_approve_{first}").click().run()
    assert decided() == set()
    app.session_state[keys.QUIET] = second
    app.run()
    app.session_state[keys.QUIET] = first
    app.button(key=f"next_{first}").click().run()
    assert app.query_params["id"] == str(first)

    app.button(key=f"do_approve_{first}_quiet").click().run()
    assert decided() == {first}


def test_a_cancellation_asked_for_what_was_taken_back_meanwhile_is_told_and_the_payout_can_be_decided_on(
    desk: Engine, open_page: Open, now: datetime, status_of: Callable[[int], str]
):
    with desk.begin() as conn:
        payout = pending(conn, [1_000], now=now)
        approve_payouts(conn, [Wanted(id=payout)], actor=World().actor("ben"), now=now)
    app = open_page("ada", "payout", id=str(payout)).button(key=f"do_cancel_{payout}").click().run()
    assert field(app.text_input, "reason")
    with desk.begin() as conn:
        take_back_payouts(conn, [Wanted(id=payout)], actor=World().actor("ben"), now=now)

    app = app.run()
    assert "Nothing was cancelled." in words(app)
    app = app.button(key=f"do_approve_{payout}_quiet").click().run()
    assert status_of(payout) == "approved"


@pytest.mark.parametrize("another", ["write-note", "Set aside"])
def test_a_dialog_opened_before_the_one_asked_for_came_stands_in_its_place(
    desk: Engine, open_page: Open, now: datetime, another: str
):
    app = open_page("ada", "payout", id=str(payout := one_pending(desk, now)))
    app.button(key=f"do_reject_{payout}").click()
    if another == "write-note":
        app.button(key=another).click()
    else:
        app.menu_button(key="payout_more").click(another)
    app = app.run()
    assert not app.exception
    assert not [one for one in app.selectbox if one.label == "What the partner is told"]
    assert f"do_approve_{payout}" not in {one.key for one in app.button}

    app = app.run()
    app.button(key=f"next_{payout}_quiet").click().run()
    assert not app.exception


def test_what_the_menu_offers_no_more_is_not_done_and_the_page_stands(
    desk: Engine, open_page: Open, now: datetime, status_of: Callable[[int], str]
):
    app = open_page("ada", "payout", id=str(payout := one_pending(desk, now)))
    with desk.begin() as conn:
        approve_payouts(conn, [Wanted(id=payout)], actor=World().actor("ben"), now=now)
    app = app.menu_button(key="payout_more").click("Set aside").run()
    assert "Nothing was set aside." in words(app)
    assert status_of(payout) == "approved"


def test_a_payout_far_below_the_usual_is_said_to_be_and_never_nothing_times_it(
    desk: Engine, open_page: Open, tmp_path: Path
):
    books = open_desk(desk, tmp_path)
    books.funded(amount="1000.00")
    for amount, said in (
        ("500.00", "First payout"),
        ("300.00", "0.6 × the median"),
        ("5.00", "less than 0.1 ×"),
    ):
        payout = books.request("AFF1", amount)
        assert said in "\n".join(drawn(table) for table in open_page("ada", "payout", id=str(payout)).table)
        books.approve(payout)
        books.send()


def test_a_note_on_a_payout_is_kept_with_its_author_and_hidden_from_viewers(
    desk: Engine, open_page: Open, now: datetime
):
    payout_id = one_pending(desk, now)
    app = open_page("max", "payout", id=str(payout_id))
    app.button(key="write-note").click().run()
    field(app.text_area, "note-text").set_value("She moved banks, confirmed by phone")
    app.button(key="note-keep").click().run()
    assert not app.exception

    with desk.connect() as conn:
        kept = conn.execute(text("SELECT note, made_by FROM partner_note")).all()
        code = conn.execute(text("SELECT code FROM partner")).scalar_one()
    assert kept == [(f"Payout {payout_id}: She moved banks, confirmed by phone", "user:max")]
    for page, query in (("payout", {"id": str(payout_id)}), ("partner", {"code": code})):
        assert "moved banks" in "".join(drawn(table) for table in open_page("ada", page, **query).table)
        assert "moved banks" not in "".join(drawn(table) for table in open_page("vera", page, **query).table)


def test_a_note_that_says_nothing_is_not_kept(desk: Engine, open_page: Open, now: datetime):
    app = open_page("max", "payout", id=str(one_pending(desk, now)))
    app.button(key="write-note").click().run()
    field(app.text_area, "note-text").set_value("   ")
    app.button(key="note-keep").click().run()

    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM partner_note")).scalar_one() == 0


def test_an_account_that_another_partner_is_paid_at_too_is_a_signal_with_the_name(
    desk: Engine, open_page: Open, now: datetime
):
    payout_id = one_pending(desk, now)
    with desk.begin() as conn:
        account = conn.execute(text("SELECT account FROM destination")).scalar_one()
        alone = show(conn, [payout_id], now=now, masked=False)["signals"].iloc[0]
        other = builders.partner(conn, builders.program(conn), "TWIN", name="Ana Silva’s brother")
        builders.destination(conn, other, account=account)
        shared = show(conn, [payout_id], now=now, masked=False)["signals"].iloc[0]
    assert "shared_destination" not in alone
    assert "shared_destination" in shared

    told = "".join(drawn(table) for table in open_page("ada", "payout", id=str(payout_id)).table)
    assert "Shared account" in told
    assert "/partner?code=TWIN" in told

    with desk.begin() as conn:
        builders.destination(conn, other)
        assert "shared_destination" not in show(conn, [payout_id], now=now, masked=False)["signals"].iloc[0]


def test_attempts_have_their_request_ids_and_the_time_of_the_next_try(
    desk: Engine, open_page: Open, now: datetime
):
    payout_id = one_pending(desk, now)
    again = now + timedelta(minutes=15)
    with desk.begin() as conn:
        builders.approve(conn, payout_id)
        builders.claim(conn, payout_id)
        builders.end_attempt(
            conn, payout_id, "declined", request_id="req_first", code="rate_limit", message="Too fast",
            error_class="transient",
        )  # fmt: skip
        call = {
            "payout_id": payout_id, "n": 1, "at": now, "what": "send", "outcome": "declined", "code": "rate_limit",
            "message": "Too fast", "request_id": "req_first", "duration_ms": 412,
        }  # fmt: skip
        builders.insert(conn, "attempt_call", call)
        builders.set_status(conn, payout_id, "retrying", retry_at=again, retry_class="transient")

    app = open_page("ada", "payout", id=str(payout_id))

    assert not app.exception
    told = "".join(drawn(table) for table in app.table)
    assert ["req\\_first" in drawn(table) for table in app.table].count(
        True
    ) == 2  # the attempt, and its call
    assert "412 ms" in told
    assert re.search(f"Tried again [\\w ]*{again:%H:%M}, ", words(app))  # with its day, near midnight


@pytest.mark.parametrize(("rail", "name"), [("simulator", "Provider"), ("stripe", "Stripe")])
@pytest.mark.usefixtures("desk")
def test_a_move_of_the_provider_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch, rail: str, name: str):
    monkeypatch.setenv("PAYDESK_PROVIDER", rail)
    monkeypatch.setenv("STRIPE_ACCOUNT_ID", "acct_desk")
    pages_desk.settings.clear()
    assert pages_desk.provider_name() == name


def test_the_control_record_is_there_before_anybody_has_acted(desk: Engine, open_page: Open, now: datetime):
    app = open_page("ada", "payout", id=str(one_pending(desk, now)))

    assert [one.proto.label for one in app.get("download_button")] == ["Control record"]
