"""Who is told what, chosen on a partner's page; a test and the log on Operations; the reason a rejected partner hears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.message_preferences import choose_messages, read_preferences
from core.programs import install_presets
from tests.building.outbox import delivery, message_in
from tests.pages.dialogs import choose, field
from tests.pages.test_messages import code_of, keys, told, words
from tests.world import World, pending

Open = Callable[..., AppTest]


@pytest.fixture
def partner(desk: Engine, now: datetime) -> str:
    with desk.begin() as conn:
        pending(conn, [5_000], now=now)
    return code_of(desk)


def chosen(desk: Engine) -> tuple[object, ...]:
    with desk.connect() as conn:
        return tuple(
            conn.execute(
                text(
                    "SELECT p.language, p.notice_days, w.phone FROM partner p JOIN identity w ON w.id = p.identity_id"
                )
            ).one()
        )


def open_dialog(open_page: Open, name: str, code: str) -> AppTest:
    app = open_page(name, "partner", code=code)
    return choose(app, "What they are told")


def test_a_maker_chooses_language_notice_and_number(open_page: Open, desk: Engine, partner: str):
    app = open_dialog(open_page, "max", partner)
    assert not app.exception
    field(app.selectbox, "partner-told-language").select("fr")
    field(app.selectbox, "partner-told-notice").select(3)
    field(app.text_input, "partner-told-phone").input("+351 912 345 678")
    field(app.button_group, "partner-told-kinds-sms").set_value(["payout_paid"])
    app.button(key="partner-told").click().run()
    assert not app.exception
    assert "is told so from now on" in words(app)
    assert chosen(desk) == ("fr", 3, "+351912345678")
    with desk.connect() as conn:
        rows = [tuple(row) for row in conn.execute(text("SELECT kind, channel, wanted FROM message_choice"))]
    assert rows == [("payout_paid", "sms", True)]


def test_what_nobody_changed_in_an_open_dialog_stays_as_a_colleague_chose_it_meanwhile(
    open_page: Open, desk: Engine, partner: str, now: datetime
):
    app = open_dialog(open_page, "max", partner)
    by_sms, max_weiss = {("payout_paid", "sms"): True}, World().actor("max")
    with desk.begin() as conn:
        choose_messages(
            conn, partner, language="fr", notice_days=7, phone="+351912345678", wanted=by_sms, actor=max_weiss, now=now
        )  # fmt: skip
    field(app.selectbox, "partner-told-notice").select(3)
    app.button(key="partner-told").click().run()
    assert chosen(desk) == ("fr", 3, "+351912345678")
    with desk.connect() as conn:
        assert read_preferences(conn, partner, now=now).wanted["payout_paid", "sms"]


def test_a_number_that_is_none_is_refused_in_the_dialog(open_page: Open, desk: Engine, partner: str):
    app = open_dialog(open_page, "max", partner)
    field(app.text_input, "partner-told-phone").input("912")
    app.button(key="partner-told").click().run()
    assert "with its country" in "\n".join(one.value for one in app.warning)
    assert chosen(desk) == (None, None, None)


def test_who_may_not_edit_partners_is_refused_by_the_operation(open_page: Open, desk: Engine, partner: str):
    app = open_dialog(open_page, "vera", partner)
    if "partner-told" in keys(app):
        field(app.selectbox, "partner-told-language").select("fr")
        app.button(key="partner-told").click().run()
    assert chosen(desk) == (None, None, None)


def test_a_test_message_is_asked_for_on_operations(open_page: Open, desk: Engine):
    app = open_page("max", "operations")
    app.button(key="test-message").click().run()
    assert not app.exception
    app.selectbox(key="test-message-kind").select("payout_rejected")
    app.selectbox(key="test-message-language").select("fr")
    app.text_input(key="test-message-to").input("me@example.com")
    app.button(key="test-message-send").click().run()
    assert not app.exception
    assert "The test waits to be sent." in words(app)
    with desk.connect() as conn:
        row = conn.execute(text("SELECT kind, test, language, recipient, state FROM message")).one()
    assert tuple(row) == ("payout_rejected", True, "fr", "given", "waiting")


def test_an_address_that_is_none_is_refused_in_the_dialog(open_page: Open, desk: Engine):
    app = open_page("max", "operations")
    app.button(key="test-message").click().run()
    app.text_input(key="test-message-to").input("nobody")
    app.button(key="test-message-send").click().run()
    assert "none that can be written to" in str(app.session_state["dialog-fault"])
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM message")).scalar_one() == 0


def test_a_viewer_sends_no_test(open_page: Open):
    assert "test-message" not in keys(open_page("vera", "operations"))


def test_the_log_shows_every_try_by_its_way(open_page: Open, desk: Engine, now: datetime):
    with desk.begin() as conn:
        delivery(conn, told(conn, "failed", now=now), outcome="refused", words="550 no such mailbox", at=now)
        by_sms = message_in(
            conn, "sent", channel="sms", once="x:1", made_at=now, waiting_since=now, next_try_at=now
        )
        delivery(conn, by_sms, words="The gateway took it", at=now)
    app = open_page("max", "operations")
    assert not app.exception
    (table,) = [table.value for table in app.table if "Outcome" in table.value.columns]
    assert set(table["By"]) == {"email", "SMS"}
    assert set(table["Outcome"]) == {"Sent", "Refused"}
    assert "550 no such mailbox" in set(table["Said"])


def test_a_failed_one_is_sent_again_from_the_partners_page(open_page: Open, desk: Engine, now: datetime):
    with desk.begin() as conn:
        failed = told(conn, "failed", now=now)
    app = open_page("max", "partner", code=code_of(desk))
    app.button(key=f"message-again-{failed}").click().run()
    assert not app.exception
    with desk.connect() as conn:
        assert conn.execute(text("SELECT state FROM message")).scalar_one() == "waiting"


def test_the_partner_of_a_rejected_payout_hears_the_reason_chosen(
    open_page: Open, desk: Engine, now: datetime
):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
    app = open_page("ada", "payout", id=str(payout_id))
    app.button(key=f"do_reject_{payout_id}").click().run()
    assert not app.exception
    (told_select,) = [one for one in app.selectbox if one.label == "What the partner is told"]
    told_select.select("asked_twice")
    (reason,) = [one for one in app.text_input if one.label.startswith("Reason")]
    reason.input("two requests")
    (confirm,) = [button for button in app.button if str(button.key).startswith("confirm-")]
    confirm.click().run()
    assert not app.exception
    with desk.connect() as conn:
        row = conn.execute(
            text("SELECT p.status, p.reason_code, p.reason, m.kind FROM payout p, message m")
        ).one()
    assert tuple(row) == ("rejected", "asked_twice", "two requests", "payout_rejected")


def test_what_a_program_tells_is_edited_on_programs_and_shown_before_it_is_proposed(
    open_page: Open, desk: Engine, now: datetime
):
    with desk.begin() as conn:
        install_presets(conn, now=now)
    app = open_page("ada", "programs", program="barber", edit="1")
    app.selectbox(key="policy-barber-1-language").select("fr")
    app.number_input(key="policy-barber-1-notice").set_value(3)
    app.text_input(key="policy-barber-1-large").input("500.00")
    app.checkbox(key="policy-barber-1-told-sales").check().run()
    assert not app.exception
    shown = "\n".join(str(one.value.to_string()) for one in app.table).replace("\\", "")
    assert "in French, 3 days before a payout, of their sales, approvers above $500.00" in shown
    app.button(key="propose-policy").click().run()
    field(app.text_input, "two-people-reason").set_value("they asked for it")
    app.button(key="why-done").click().run()
    with desk.connect() as conn:
        messages = conn.execute(text("SELECT content #> '{terms,messages}' FROM proposal")).scalar_one()
    assert messages == {
        "language": "fr",
        "notice_days": 3,
        "sale_confirmed": True,
        "large_payout_minor": 50_000,
    }
