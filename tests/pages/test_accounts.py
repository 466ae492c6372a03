"""Accounts and banks on the pages of a payout and of a partner, and on the Overview."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests import builders
from tests.building.accounts import account_state, arrival, rail
from tests.pages.conftest import Open
from tests.pages.test_overview import links
from tests.pages.test_payout import approve, drawn, one_pending

ACCOUNT = "https://dashboard.stripe.com/test/connect/accounts/"
TRANSFER = "https://dashboard.stripe.com/test/connect/transfers/"
NO_BANK = json.dumps([{"code": "no_bank_account", "sentence": "No bank account is attached"}])


def shown(app: AppTest) -> str:
    """All the tables and texts of a page."""
    assert not app.exception
    texts = [*(drawn(table) for table in app.table), *(each.value for each in app.markdown)]
    return "\n".join([*texts, *(each.value for each in app.caption)]).replace("\\", "")


def account_of(desk: Engine, payout_id: int) -> tuple[str, str]:
    query = text("""
        SELECT d.account, r.code FROM payout p JOIN destination d ON d.id = p.destination_id
          JOIN partner r ON r.id = p.partner_id WHERE p.id = :id
    """)
    with desk.connect() as conn:
        row = conn.execute(query, {"id": payout_id}).one()
    return row.account, row.code


def test_an_approved_payout_says_why_its_account_cannot_be_paid_whose_move_it_is_and_how_old_that_is(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    payout_id = one_pending(desk, now)
    approve(desk, payout_id, "ada", now)
    account, code = account_of(desk, payout_id)
    with desk.begin() as conn:
        rail(conn)
        checked = now - timedelta(hours=3)
        account_state(conn, account=account, ready=False, reasons=NO_BANK, due=["email"], checked_at=checked)

    page = shown(open_page("max", "payout", id=str(payout_id)))
    assert "The account cannot be paid: No bank account is attached" in page
    assert "Partner’s" in page
    assert "checked 3 h ago" in page
    assert f"{ACCOUNT}{account}" in page
    page = shown(open_page("max", "partner", code=code))
    assert "No bank account is attached" in page
    assert "checked 3 h ago" in page
    assert "email" in page
    assert f"{ACCOUNT}{account}" in page


def test_a_paid_payout_that_a_bank_sent_back_stays_paid_and_asks_the_partner_to_mend_their_details(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    payout_id = one_pending(desk, now)
    approve(desk, payout_id, "ada", now)
    with desk.begin() as conn:
        rail(conn)
        builders.set_status(conn, payout_id, "processing")
        builders.attempt(conn, payout_id, provider="stripe")
        builders.end_attempt(conn, payout_id, "succeeded", provider_ref="tr_1")
        builders.set_status(conn, payout_id, "paid")
        owner = text("SELECT partner_id FROM payout WHERE id = :id")
        partner_id = conn.execute(owner, {"id": payout_id}).scalar_one()
        builders.move(conn, partner_id, "settle", "reserved", "paid", 2475, payout_id=payout_id)
        builders.move(conn, partner_id, "fee", "reserved", "fees", 25, payout_id=payout_id)
        arrival(conn, payout_id, status="failed", failure="the bank account is closed", as_of=now)

    page = shown(open_page("max", "payout", id=str(payout_id)))
    words = "The bank sent it back (the bank account is closed): it is back in the partner's Stripe balance"
    assert words in page
    assert "they must mend their bank details" in page
    assert "Sent back by the bank" in page
    assert "Paid" in page
    assert f"{TRANSFER}tr_1" in page
    _, code = account_of(desk, payout_id)
    assert "they must mend their bank details" in shown(open_page("max", "partner", code=code))
    assert links(open_page("max", "overview"))["1 was sent back by a bank"] == "view=sent_back"


def test_who_sees_no_personal_data_sees_no_account_and_no_way_to_it(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    payout_id = one_pending(desk, now)
    account, code = account_of(desk, payout_id)
    with desk.begin() as conn:
        rail(conn)
        account_state(conn, account=account)

    for page, query in (("payout", {"id": str(payout_id)}), ("partner", {"code": code})):
        assert account not in shown(open_page("vera", page, **query))
