"""Requests: any amount up to the balance, and a refusal by name for everything else, which moves nothing."""

from __future__ import annotations

import pytest

from core.access import NotAllowed
from core.decisions import Wanted
from core.drafting import (
    BelowMinimum,
    CapReached,
    FeeExceedsAmount,
    NoDestination,
    NotPositive,
    OnHold,
    OverBalance,
    PartnerSuspended,
)
from core.ending import cancel_payouts
from core.programs import UnknownPartner
from core.refusals import Refusal
from core.requests import NotAnAmount, RequestOpen, WhyAsked, request_payout
from tests.core.giving import earn
from tests.desk import ADA, DAY, HOST, MIA, NOW, OLA, VIC, Balance, Desk, Rail, declined


def refused(desk: Desk, code: str, amount: str, *, by: type[Refusal]) -> Refusal:
    """Ask, be refused by this name, and find everything as it was."""
    before = _state(desk)
    with pytest.raises(by) as caught:
        desk.request(code, amount)
    assert _state(desk) == before
    return caught.value


def plain(refusal: Refusal) -> dict[str, str]:
    """What it names, as it is kept."""
    return {name: str(value) for name, value in refusal.figures.items()}


def _state(desk: Desk) -> list[object]:
    return desk.column("""
        SELECT (SELECT jsonb_agg(b ORDER BY partner_id) FROM partner_balance b)
         UNION ALL SELECT to_jsonb(ARRAY[(SELECT count(*) FROM payout), (SELECT count(*) FROM earning),
                                         (SELECT count(*) FROM open_item), (SELECT seq FROM audit_head)])
    """)


class TestARequest:
    def test_reserves_exactly_what_was_asked_for_and_keeps_the_reason(self, desk: Desk) -> None:
        desk.funded("AFF1")
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

        payout = desk.request("AFF1", "33.33")

        assert desk.balance("AFF1") == Balance(0, 66_67, 33_33, 0, 0)
        row = "SELECT ARRAY[status, origin, made_by, note, amount_minor::text, fee_minor::text] FROM payout"
        assert desk.column(row) == [["pending", "request", "user:mia", "asked", "3333", "25"]]
        assert desk.column("SELECT ids FROM audit WHERE action = 'payout.requested'") == [[payout]]
        assert desk.faults() == []

    @pytest.mark.parametrize("amount", ["100", "100.0", "100.00", " 100.00 ", "0100"])
    def test_takes_plain_amounts_as_people_write_them(self, desk: Desk, amount: str) -> None:
        desk.funded("AFF1")

        desk.request("AFF1", amount)

        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_refuses_what_is_no_amount_or_not_above_zero(self, desk: Desk) -> None:
        desk.funded("AFF1")

        for amount in ("", "abc", "12,50", "1,000.00", "10.005", "1e2", "NaN", "inf", "9" * 40, "$5"):
            refusal = refused(desk, "AFF1", amount, by=NotAnAmount)
            assert (refusal.code, refusal.sentence[-1:]) == ("not_an_amount", ".")
        for amount in ("0", "0.00", "-5.00"):
            refusal = refused(desk, "AFF1", amount, by=NotPositive)
            assert (refusal.code, amount in refusal.sentence) == ("not_positive", True)

    def test_is_a_makers_and_needs_a_reason(self, desk: Desk) -> None:
        desk.funded("AFF1")
        before = _state(desk)

        for actor in (ADA, OLA, VIC, HOST):
            with pytest.raises(NotAllowed) as not_allowed:
                desk.request("AFF1", "25.00", actor=actor)
            assert not_allowed.value.code == "not_allowed"
        with pytest.raises(WhyAsked) as no_reason, desk.engine.begin() as conn:
            request_payout(conn, "AFF1", "25.00", reason="  ", actor=MIA, now=NOW)
        assert no_reason.value.code == "no_reason"
        assert _state(desk) == before

    def test_refuses_a_partner_nobody_knows(self, desk: Desk) -> None:
        refusal = refused(desk, "NOBODY", "25.00", by=UnknownPartner)

        assert (refusal.code, refusal.sentence) == ("unknown_partner", "There is no partner NOBODY.")

    def test_refuses_a_cent_more_than_is_available(self, desk: Desk) -> None:
        desk.funded("AFF1")
        earn(desk, "AFF1", 50_00, at=NOW + DAY)
        assert desk.balance("AFF1") == Balance(50_00, 100_00, 0, 0, 0)

        refusal = refused(desk, "AFF1", "100.01", by=OverBalance)

        assert (refusal.code, str(refusal.figures["available"])) == ("over_balance", "100.00")
        desk.request("AFF1", "100.00")
        assert str(refused(desk, "AFF1", "0.26", by=OverBalance).figures["available"]) == "0.00"

    def test_refuses_to_be_eaten_by_its_fee(self, desk: Desk) -> None:
        desk.funded("AFF1")

        refusal = refused(desk, "AFF1", "0.25", by=FeeExceedsAmount)

        assert (refusal.code, plain(refusal)) == ("fee_exceeds_amount", {"fee": "0.25", "amount": "0.25"})
        desk.request("AFF1", "0.26")
        assert desk.column("SELECT net_minor FROM payout") == [1]

    def test_refuses_a_partner_without_a_destination(self, desk: Desk) -> None:
        desk.funded("AFF1", account=None)  # type: ignore[arg-type]

        assert refused(desk, "AFF1", "25.00", by=NoDestination).code == "no_destination"

    def test_refuses_a_suspended_or_archived_partner_by_that_word(self, desk: Desk) -> None:
        desk.funded("AFF1")

        for status in ("suspended", "archived"):
            desk.partner("AFF1", status=status)
            refusal = refused(desk, "AFF1", "25.00", by=PartnerSuspended)
            assert (refusal.code, status in refusal.sentence) == ("partner_suspended", True)

    def test_refuses_a_partner_on_hold_and_says_why_and_until_when(self, desk: Desk) -> None:
        desk.funded("AFF1")
        desk.partner("AFF1", account="acct_2")

        refusal = refused(desk, "AFF1", "25.00", by=OnHold)

        assert (refusal.code, refusal.figures["reason"]) == ("on_hold", "destination_changed")
        assert "27 Nov 2026" in refusal.sentence
        desk.request("AFF1", "25.00", now=NOW + 7 * DAY)

    @pytest.mark.parametrize(
        ("tier", "below", "minimum"),
        [
            ("affiliate", "49.99", "50.00"),
            ("reseller", "99.99", "100.00"),
            ("white_label", "999.99", "1000.00"),
            ("technology", "199.99", "200.00"),
            ("", "49.99", "50.00"),
        ],
    )
    def test_keeps_to_the_minimum_of_the_partners_tier(
        self, desk: Desk, tier: str, below: str, minimum: str
    ) -> None:
        code = desk.funded("RSL1", "2000.00", program="reseller", tier=tier)

        refusal = refused(desk, code, below, by=BelowMinimum)

        assert refusal.code == "below_minimum"
        assert plain(refusal) == {"amount": below, "short": "0.01", "minimum": minimum}
        desk.request(code, minimum)
        assert desk.balance(code).available + desk.balance(code).reserved == 2000_00

    def test_keeps_to_the_monthly_cap(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty")
        earn(desk, code, 6000_00)

        refusal = refused(desk, code, "5000.01", by=CapReached)
        assert (refusal.code, str(refusal.figures["left"])) == ("cap_reached", "5000.00")
        desk.request(code, "4000.00")
        refusal = refused(desk, code, "1000.01", by=CapReached)
        assert plain(refusal) == {"partner": code, "left": "1000.00", "cap": "5000.00", "used": "4000.00"}
        desk.request(code, "1000.00")
        assert str(refused(desk, code, "100.00", by=CapReached).figures["left"]) == "0.00"

        desk.request(code, "1000.00", now=NOW + 11 * DAY)  # 1 December
        assert desk.balance(code) == Balance(0, 0, 6000_00, 0, 0)
        assert desk.faults() == []


class TestOneOpenRequest:
    def test_is_all_a_creator_may_have_until_it_is_paid_or_ended(self, desk: Desk) -> None:
        desk.partner("CRE1", program="creator")
        desk.sale("CRE1", "100.00", ref="b1", program="creator", kind="booking", at=NOW - 8 * DAY)
        desk.release()
        payout = desk.request("CRE1", "10.00")

        refusal = refused(desk, "CRE1", "10.00", by=RequestOpen)
        assert (refusal.code, refusal.figures["payout"]) == ("request_open", payout)
        desk.approve(payout)
        refused(desk, "CRE1", "10.00", by=RequestOpen)
        desk.send(Rail(declined("network_timeout")))
        assert desk.status(payout) == "retrying"
        refused(desk, "CRE1", "10.00", by=RequestOpen)
        desk.send(Rail(), NOW + DAY)
        assert desk.status(payout) == "paid"

        second = desk.request("CRE1", "10.00")
        desk.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=second)], actor=ADA, now=NOW, reason="wrong")
        )
        third = desk.request("CRE1", "10.00")
        assert desk.status(third) == "pending"
        assert desk.balance("CRE1") == Balance(0, 70_00, 10_00, 10_00, 0)
        assert desk.faults() == []

    def test_is_no_rule_of_other_programs(self, desk: Desk) -> None:
        desk.funded("AFF1")

        desk.request("AFF1", "10.00")
        desk.request("AFF1", "10.00")

        assert desk.balance("AFF1") == Balance(0, 80_00, 20_00, 0, 0)
