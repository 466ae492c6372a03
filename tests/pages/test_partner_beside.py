"""What a person does for a partner beside the usual request: overrides, early payouts, the block, notes, the backup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from core.release import release_due
from pages.shared import decisions, in_dialog
from pages.shared.partner_actions import ALLOW, ANSWER, BACKUP, BEYOND, BLOCK, EARLY, WRITE
from tests.core.giving import FIND
from tests.desk import MIA, Desk, open_desk
from tests.pages.dialogs import field
from tests.pages.test_partner import chosen, words

Open = Callable[..., AppTest]


@pytest.fixture
def books(desk: Engine, now: datetime, tmp_path: Path) -> Desk:
    """BRB1, a barber, and RSL1, a reseller with a minimum of 100.00: each has 60.00 available and 30.00 in three days."""
    books = open_desk(desk, tmp_path)
    for code, program in (("BRB1", "barber"), ("RSL1", "reseller")):
        books.partner(
            code, program=program, account=f"acct_{code}", tier="reseller" if code == "RSL1" else "", now=now
        )
        with desk.begin() as conn:
            found = conn.execute(FIND, {"code": code}).one()
            lock_partners(conn, [found.id])
            record_earnings(
                conn,
                [
                    NewEarning(
                        program_id=found.program_id, partner_id=found.id, kind="manual", source_ref=f"{code}{n}",
                        amount_minor=minor, gross_minor=0, occurred_at=at, release_at=at,
                    )
                    for n, (minor, at) in enumerate(
                        ((60_00, now - timedelta(days=1)), (30_00, now + timedelta(days=3)))
                    )
                ],
                actor=MIA, now=now,
            )  # fmt: skip
    release_due(desk, now=now)
    return books


def payouts(books: Desk) -> list[object]:
    return books.column("SELECT ARRAY[status, amount_minor::text, made_by] FROM payout ORDER BY id")


def test_an_override_is_proposed_with_what_it_breaks_and_paid_once_another_confirms(
    books: Desk, open_page: Open
):
    with chosen(open_page("max", "partner", code="RSL1"), BEYOND) as app:
        assert "$10.00 below the minimum of $100.00" in words(app).replace("\\", "")
        assert "$30.00 before its release day" in words(app).replace("\\", "")
        field(app.text_input, "override-why").set_value("rent is due")
        app.button(key="partner-override").click().run()
    assert "proposed" in words(app)
    assert payouts(books) == []
    assert "Waits for a second person" in words(app)

    app = open_page("ada", "partner", code="RSL1")
    (confirm,) = [button for button in app.button if button.label == "Confirm"]
    confirm.click().run()

    assert not app.exception
    assert payouts(books) == [["pending", "9000", "user:max"]]
    assert tuple(books.balance("RSL1"))[:3] == (0, 0, 90_00)
    assert books.faults() == []


def test_what_breaks_no_rule_and_what_nobody_has_is_said_before_it_is_proposed(books: Desk, open_page: Open):
    with chosen(open_page("max", "partner", code="RSL1"), BEYOND) as app:
        field(app.text_input, "override-amount").set_value("90.01")
        field(app.text_input, "override-why").set_value("rent is due")
        app.button(key="partner-override").click().run()
    assert "is more than RSL1 has" in words(app).replace("\\", "")
    assert books.scalar("SELECT count(*) FROM proposal") == 0


def test_an_early_payout_takes_all_that_is_available_and_only_who_is_scheduled_has_it(
    books: Desk, open_page: Open
):
    app = open_page("max", "partner", code="RSL1")
    assert EARLY not in app.menu_button(key="partner-menu").options
    with chosen(open_page("max", "partner", code="BRB1"), EARLY) as app:
        field(app.text_input, "early-why").set_value("asked on a Tuesday")
        app.button(key="partner-early").click().run()

    assert "Early payout" in words(app)
    assert payouts(books) == [["pending", "6000", "user:max"]]
    assert books.scalar("SELECT count(*) FROM early_payout") == 1


def test_a_blocked_partner_is_allowed_again_from_the_same_place(books: Desk, open_page: Open):
    with chosen(open_page("max", "partner", code="RSL1"), BLOCK) as app:
        field(app.text_input, "two-people-reason").set_value("fake sales")
        app.button(key="why-done").click().run()
    assert books.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["ineligible"]
    assert BLOCK not in app.menu_button(key="partner-menu").options
    with chosen(open_page("ada", "partner", code="RSL1"), ALLOW) as app:
        field(app.text_input, "two-people-reason").set_value("proved real")
        app.button(key="why-done").click().run()
    assert books.column("SELECT reason FROM hold WHERE closed_at IS NULL") == []


def test_a_note_is_shown_with_its_author_and_hidden_from_viewers(books: Desk, open_page: Open):
    with chosen(open_page("max", "partner", code="RSL1"), WRITE) as app:
        field(app.text_area, "note-text").set_value("Her sister answers the phone")
        app.button(key="note-keep").click().run()
    shown = "\n".join(table.value.to_string() for table in app.table)
    assert "Her sister answers the phone" in shown
    assert books.column("SELECT made_by FROM partner_note") == ["user:max"]
    app = open_page("vera", "partner", code="RSL1")
    shown = "\n".join(table.value.to_string() for table in app.table)
    assert "sister" not in shown
    assert "hidden from viewers" in shown
    assert books.scalar("SELECT count(*) FROM partner_note") == 1


def test_two_notes_in_one_sitting_are_two_and_the_second_click_of_a_double_click_is_none(
    books: Desk, open_page: Open, monkeypatch: pytest.MonkeyPatch
):
    def written(app: AppTest, note: str) -> AppTest:
        with chosen(app, WRITE) as asked:
            field(asked.text_area, "note-text").set_value(note)
            return asked.button(key="note-keep").click().run()

    app = open_page("max", "partner", code="RSL1")
    monkeypatch.setattr(decisions, "SAME_CLICK", timedelta(hours=1))  # however slow this machine is
    for _ in range(2):  # the second one's button is drawn anew, with a token of its own
        app = written(app, "Called back")
    assert books.column("SELECT note FROM partner_note") == ["Called back"]
    monkeypatch.setattr(decisions, "SAME_CLICK", timedelta(0))  # as if time had passed
    written(app, "Answered")
    assert books.column("SELECT note FROM partner_note ORDER BY id") == ["Called back", "Answered"]


def test_the_second_click_on_a_dialog_drawn_once_more_before_it_closes_writes_nothing_however_late_it_comes(
    books: Desk, open_page: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(decisions, "SAME_CLICK", timedelta(0))
    app = open_page("max", "partner", code="RSL1")
    with monkeypatch.context() as no_more_than_the_dialog:
        no_more_than_the_dialog.setattr(decisions, "renew_tokens", lambda: None)
        for note in ("Called back", "Called back", "Answered"):
            with chosen(app, WRITE) as asked:
                field(asked.text_area, "note-text").set_value(note)
                asked.button(key="note-keep").click().run()
        assert books.column("SELECT note FROM partner_note") == ["Called back"]
    with chosen(app.run(), WRITE) as asked:
        field(asked.text_area, "note-text").set_value("Answered")
        asked.button(key="note-keep").click().run()
    assert books.column("SELECT note FROM partner_note ORDER BY id") == ["Called back", "Answered"]


def test_a_backup_is_offered_after_a_failure_and_one_click_proposes_the_change(
    books: Desk, desk: Engine, now: datetime, open_page: Open
):
    app = open_page("max", "partner", code="RSL1")
    [partner] = books.column("SELECT id FROM partner WHERE code = 'RSL1'")
    app.session_state[in_dialog.field(f"set_backup_{partner}", "backup-method")] = "paypal"
    with chosen(app, BACKUP) as app:
        field(app.text_input, "backup-email").set_value("ana@paypal.example.com")
        field(app.text_input, "backup-why").set_value("asked by phone")
        app.button(key="partner-backup").click().run()
    app = open_page("ada", "partner", code="RSL1")
    next(button for button in app.button if button.label == "Confirm").click().run()
    assert not [button for button in app.button if "Propose the backup" in button.label]

    with desk.begin() as conn:
        conn.execute(
            text("""INSERT INTO hold (partner_id, reason, made_by, opened_at)
                    SELECT id, 'destination_failed', 'job:send', :now FROM partner WHERE code = 'RSL1'"""),
            {"now": now},
        )
    app = open_page("max", "partner", code="RSL1")
    assert "The backup is PayPal, ana@paypal.example.com" in words(app).replace("\\", "")
    app.button(key="backup-use").click().run()
    field(app.text_input, "two-people-reason").set_value("the account is closed")
    app.button(key="why-done").click().run()

    (content,) = books.column("SELECT content FROM proposal WHERE kind = 'change_destination'")
    assert content["method"] == "paypal"  # type: ignore[index]
    assert books.column("SELECT method FROM partner WHERE code = 'RSL1'") == ["stripe"]
    app = open_page("ada", "partner", code="RSL1")
    next(button for button in app.button if button.label == "Confirm").click().run()
    assert books.column("SELECT method FROM partner WHERE code = 'RSL1'") == ["paypal"]


@pytest.mark.usefixtures("books")
def test_the_answer_says_where_the_money_stands_in_plain_words(open_page: Open):
    with chosen(open_page("max", "partner", code="BRB1"), ANSWER) as app:
        (sheet,) = [code.value for code in app.code]
    assert "Available: $60.00." in sheet
    assert "Held: $30.00, of which $30.00 becomes available on" in sheet
    assert "Next payout day:" in sheet
    assert "weekly on Friday" in sheet
    assert "Paid so far: nothing yet." in sheet


@pytest.mark.usefixtures("books")
def test_a_viewer_has_none_of_it(open_page: Open):
    assert not open_page("vera", "partner", code="BRB1").get("menu_button")
