"""What the pages show of accounts and banks: the same reasons the sender obeys, their age, and a plain address."""

import json
from datetime import date

import pytest
from sqlalchemy import Connection, text

from core.guards import STOPS_SENDING, blocking_reasons
from core.reads.accounts import BANK_SENT_BACK, read_account, transfer_address
from core.reads.filters import PayoutFilter
from core.reads.overview import overview
from core.reads.partner import partner_story
from core.reads.payout import PayoutStory, story
from core.reads.payouts import list_payouts
from core.reads.views import open_views
from tests.builders import DAY, NOW, approve, claim, pay
from tests.building.accounts import account_state, arrival, rail
from tests.core.reads.desk import queued

NO_BANK = json.dumps([{"code": "no_bank_account", "sentence": "No bank account is attached"}])


def account_of(conn: Connection, payout_id: int) -> str:
    query = text(
        "SELECT account FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = :id"
    )
    return str(conn.execute(query, {"id": payout_id}).scalar_one())


def not_ready(conn: Connection, payout_id: int, **different: object) -> None:
    values = {"account": account_of(conn, payout_id), "ready": False, "reasons": NO_BANK}
    account_state(conn, **values | different)


def paid(conn: Connection, code: str = "PAID") -> int:
    payout_id = queued(conn, code, 700)
    approve(conn, payout_id)
    claim(conn, payout_id)
    pay(conn, payout_id)
    return payout_id


def told(conn: Connection, payout_id: int, *, masked: bool = False) -> PayoutStory:
    found = story(conn, payout_id, now=NOW, masked=masked)
    assert found is not None
    return found


class TestAnAccountThatIsNotReady:
    @pytest.mark.parametrize(
        ("whose", "reason"), [("partner", "account_partner"), ("provider", "account_provider")]
    )
    def test_blocks_what_is_approved_and_lets_the_rest_be_approved(
        self, conn: Connection, whose: str, reason: str
    ) -> None:
        pending, approved, other = (queued(conn, code, 700) for code in ("PENDS", "GOES", "OTHER"))
        approve(conn, approved)
        approve(conn, other)
        rail(conn)
        not_ready(conn, pending)
        not_ready(conn, approved, whose=whose)

        views = open_views(conn, now=NOW)
        morning = overview(conn, now=NOW)

        assert views["blocked"].ids == (approved,)
        assert views["ready"].count == 1
        assert list(list_payouts(conn, PayoutFilter(view="leaves"), now=NOW, masked=True).frame["id"]) == [
            other
        ]
        assert morning.blocked_by[["reason", "count", "whose"]].to_numpy().tolist() == [[reason, 1, whose]]
        for payout_id in (pending, approved):
            codes = {each.code for each in blocking_reasons(conn, [payout_id], now=NOW)[payout_id]}
            assert "account_not_ready" in codes & STOPS_SENDING

    def test_of_another_rail_than_the_one_in_use_blocks_nothing(self, conn: Connection) -> None:
        approved = queued(conn, "GOES", 700)
        approve(conn, approved)
        not_ready(conn, approved)
        assert blocking_reasons(conn, [approved], now=NOW) == {approved: []}

        rail(conn, provider="simulator", livemode=None)
        assert blocking_reasons(conn, [approved], now=NOW) == {approved: []}
        assert open_views(conn, now=NOW)["blocked"].count == 0


def test_a_method_the_rail_does_not_serve_blocks_what_is_approved(conn: Connection) -> None:
    approved = queued(conn, "GOES", 700)
    approve(conn, approved)
    rail(conn, methods=["paypal"])

    assert open_views(conn, now=NOW)["blocked"].ids == (approved,)
    assert overview(conn, now=NOW).blocked_by["reason"].tolist() == ["method_not_served"]
    [reason] = blocking_reasons(conn, [approved], now=NOW)[approved]
    assert (reason.code, reason.sentence) == (
        "method_not_served",
        "The provider in use does not pay through Stripe",
    )


class TestTheAddressInStripesDashboard:
    @pytest.mark.parametrize(("livemode", "part"), [(False, "test/"), (True, "")])
    def test_is_plain_and_of_the_mode_the_rail_moves_money_in(
        self, conn: Connection, livemode: object, part: str
    ) -> None:
        rail(conn, livemode=livemode)
        known = read_account(conn, "acct_1")
        assert known is not None
        assert known.address == f"https://dashboard.stripe.com/{part}connect/accounts/acct_1"
        address = transfer_address(conn, "stripe", "tr_1")
        assert address == f"https://dashboard.stripe.com/{part}connect/transfers/tr_1"

    def test_is_none_for_what_is_not_stripes(self, conn: Connection) -> None:
        assert transfer_address(conn, "stripe", "tr_1") is None
        rail(conn)
        assert transfer_address(conn, "simulator", "po_1") is None
        assert transfer_address(conn, None, None) is None
        assert read_account(conn, "ana@example.com") is None
        assert read_account(conn, None) is None

    def test_and_the_account_are_hidden_from_who_sees_no_personal_data(self, conn: Connection) -> None:
        rail(conn)
        payout_id = paid(conn)
        assert told(conn, payout_id).account is not None
        assert told(conn, payout_id, masked=True).account is None
        hidden = partner_story(conn, "PAID", now=NOW, masked=True)
        assert hidden is not None
        assert hidden.account is None


def test_an_account_is_shown_with_its_reasons_what_is_due_and_its_age(conn: Connection) -> None:
    payout_id = queued(conn, "GOES", 700)
    not_ready(conn, payout_id, due=["email"], due_by=NOW + DAY, checked_at=NOW - DAY)
    found = partner_story(conn, "GOES", now=NOW, masked=False)
    assert found is not None
    assert found.account is not None
    known = found.account
    assert (known.ready, known.reasons, known.due) == (False, ["No bank account is attached"], ["email"])
    assert (known.due_by, known.checked_at, known.whose) == (NOW + DAY, NOW - DAY, "partner")


class TestTheWayToTheBank:
    @pytest.mark.parametrize(
        ("status", "sentence", "state"),
        [
            ("in_transit", "On its way to the partner's bank, expected on 2026-11-24", "now"),
            ("paid", "Arrived at the partner's bank on 2026-11-24", "past"),
            ("canceled", "The way to the bank was called off", "past"),
        ],
    )
    def test_is_part_of_the_payouts_story(
        self, conn: Connection, status: str, sentence: str, state: str
    ) -> None:
        payout_id = paid(conn)
        arrival(conn, payout_id, status=status, arrival_date=date(2026, 11, 24))
        line = told(conn, payout_id).timeline.iloc[-1]
        assert line["what"].startswith(sentence)
        assert line["state"] == state
        assert "sent_back" not in told(conn, payout_id).header.signals

    def test_that_ended_at_the_bank_says_so_everywhere_and_whose_move_it_is(self, conn: Connection) -> None:
        back, other = paid(conn), paid(conn, "OTHER")
        arrival(conn, other, status="paid")
        arrival(
            conn, back, status="failed", failure="the bank account is closed", failure_code="account_closed"
        )

        found = told(conn, back)
        assert found.arrival is not None
        assert (
            found.arrival.sentence == f"The bank sent it back (the bank account is closed): {BANK_SENT_BACK}"
        )
        assert found.timeline.iloc[-1]["what"] == found.arrival.sentence
        assert (found.header.status, found.blocking, found.header.signals) == (
            "paid",
            [],
            ["first_payout", "sent_back"],
        )
        whose = partner_story(conn, "PAID", now=NOW, masked=False)
        assert whose is not None
        assert whose.sent_back[["payout_id", "failure"]].to_numpy().tolist() == [
            [back, "the bank account is closed"]
        ]
        morning = overview(conn, now=NOW)
        assert (morning.sent_back.count, morning.sent_back.oldest_at) == (1, NOW)
        listed = list_payouts(conn, PayoutFilter(view="sent_back"), now=NOW, masked=True)
        assert list(listed.frame["id"]) == [back]
