"""Requests beyond a rule: two people, just these figures, nothing paid twice, and all of it back when it comes to nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import text

from core.access import Actor, NotAllowed
from core.decisions import Wanted
from core.drafting import FeeExceedsAmount, OnHold, PartnerSuspended
from core.ending import cancel_payouts, reject_payouts
from core.holds import lift_hold, place_hold
from core.overrides import NothingToOverride, OverEverything, override_content, rule_words
from core.proposals import confirm, propose, read_proposal, refuse_proposal
from core.refusals import Refusal
from core.requests import NotAnAmount, RequestOpen
from core.second_person import OutdatedProposal, OwnProposal, ProposalDecided
from tests.core.giving import earn
from tests.core.test_requests import refused
from tests.desk import ABE, ADA, DAY, MIA, NOW, OLA, VIC, Balance, Desk, Rail, declined

MAX = Actor(name="user:max", channel="cli", roles=frozenset({"maker"}))


def ask_beyond(
    desk: Desk, code: str, amount: str, *, actor: Actor = MIA, now: datetime = NOW, why: str = "rent is due"
) -> int:
    """Propose an override and return the proposal's id."""
    partner_id = int(str(desk.scalar("SELECT id FROM partner WHERE code = :c", c=code)))
    asked = override_content(amount, now=now)
    return desk.decide(
        lambda conn: propose(
            conn,
            "override_request",
            ids=[partner_id],
            why=why,
            content=asked,
            actor=actor,
            now=now,
        )
    )


def agree(desk: Desk, proposal: int, *, actor: Actor = ADA, now: datetime = NOW) -> int:
    """Confirm and return the payout that was made."""
    desk.decide(lambda conn: confirm(conn, proposal, actor=actor, now=now))
    return int(str(desk.scalar("SELECT payout_id FROM payout_override WHERE proposal_id = :p", p=proposal)))


def payouts(desk: Desk) -> int:
    return int(str(desk.scalar("SELECT count(*) FROM payout")))


@pytest.fixture
def small(desk: Desk) -> str:
    """A reseller with 60.00 available, where 100.00 is the least."""
    return desk.funded("RSL1", "60.00", program="reseller", tier="reseller")


@pytest.fixture
def maturing(desk: Desk) -> str:
    """An affiliate with 20.00 available, and 30.00, 40.00 and 50.00 released on the next three days."""
    desk.funded("AFF1", "20.00")
    for n, amount in enumerate((30_00, 40_00, 50_00), start=1):
        earn(desk, "AFF1", amount, at=NOW + n * DAY)
    assert desk.balance("AFF1") == Balance(120_00, 20_00, 0, 0, 0)
    return "AFF1"


class TestBelowTheMinimum:
    def test_a_payout_is_made_when_a_second_person_confirms_and_says_what_it_breaks(
        self, desk: Desk, small: str
    ) -> None:
        proposal = ask_beyond(desk, small, "60.00")
        assert (desk.balance(small), payouts(desk)) == (Balance(0, 60_00, 0, 0, 0), 0)

        payout = agree(desk, proposal)

        assert desk.balance(small) == Balance(0, 0, 60_00, 0, 0)
        rules = [{"rule": "below_minimum", "minimum_minor": 100_00, "short_minor": 40_00}]
        assert desk.scalar("SELECT rules FROM payout_override WHERE payout_id = :id", id=payout) == rules
        row = "SELECT ARRAY[status, origin, made_by, note] FROM payout WHERE id = :id"
        assert desk.scalar(row, id=payout) == ["pending", "request", "user:mia", "rent is due"]
        assert desk.faults() == []

    def test_what_breaks_no_rule_is_no_override(self, desk: Desk) -> None:
        desk.funded("AFF1")

        with pytest.raises(NothingToOverride) as caught:
            ask_beyond(desk, "AFF1", "100.00")
        assert caught.value.sentence == "$100.00 breaks no rule for AFF1: request it as it is."
        assert payouts(desk) == 0

    def test_a_fee_still_eats_what_is_smaller(self, desk: Desk, maturing: str) -> None:
        desk.request(maturing, "20.00")
        proposal = ask_beyond(desk, maturing, "0.25")

        with pytest.raises(FeeExceedsAmount):
            agree(desk, proposal)
        assert (payouts(desk), desk.balance(maturing)) == (1, Balance(120_00, 0, 20_00, 0, 0))


class TestBothPeople:
    def test_are_makers_and_never_approve_what_they_agreed_on(self, desk: Desk, small: str) -> None:
        payout = agree(desk, ask_beyond(desk, small, "60.00"), actor=ADA)

        makers = set(desk.column("SELECT payout_makers(:id)", id=payout))
        assert {"user:mia", "user:ada"} <= makers
        refusal = desk.approve(payout, actor=ADA)
        assert [(one.code, desk.status(payout)) for one in refusal.refused] == [("own_payout", "pending")]
        assert desk.approve(payout, actor=ABE).done == [payout]
        desk.send(Rail())
        assert desk.status(payout) == "paid"
        assert desk.faults() == []

    def test_nobody_confirms_their_own_and_only_who_may(self, desk: Desk, small: str) -> None:
        proposal = ask_beyond(desk, small, "60.00", actor=ADA)

        for actor, refusal in ((ADA, OwnProposal), (OLA, NotAllowed), (VIC, NotAllowed)):
            with pytest.raises(refusal):
                agree(desk, proposal, actor=actor)
        for actor in (OLA, VIC):
            with pytest.raises(NotAllowed):
                ask_beyond(desk, small, "59.00", actor=actor)
        assert payouts(desk) == 0
        agree(desk, proposal, actor=MAX)
        assert payouts(desk) == 1

    def test_a_refused_one_makes_nothing(self, desk: Desk, small: str) -> None:
        proposal = ask_beyond(desk, small, "60.00")

        desk.decide(lambda conn: refuse_proposal(conn, proposal, note="wait a week", actor=ADA, now=NOW))

        assert (payouts(desk), desk.balance(small)) == (0, Balance(0, 60_00, 0, 0, 0))

    def test_one_that_was_confirmed_makes_no_second_payout(self, desk: Desk, small: str) -> None:
        proposal = ask_beyond(desk, small, "30.00")
        agree(desk, proposal)

        with pytest.raises(ProposalDecided):
            agree(desk, proposal, actor=ABE)
        assert (payouts(desk), desk.balance(small)) == (1, Balance(0, 30_00, 30_00, 0, 0))

    def test_the_overridden_rules_are_part_of_what_is_approved(self, desk: Desk, small: str) -> None:
        payout = agree(desk, ask_beyond(desk, small, "60.00"))
        plain = """
            SELECT sha256(convert_to(concat_ws('|', p.ref, p.partner_id, p.amount_minor, p.fee_minor, p.currency, p.method,
                       p.destination_id, encode(d.fingerprint, 'hex'), p.policy_id, p.review,
                       (SELECT string_agg(i.earning_id || ':' || i.amount_minor, ',' ORDER BY i.earning_id)
                          FROM payout_item i WHERE i.payout_id = p.id)), 'UTF8')) = payout_content_hash(p.id)
              FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = :id
        """
        assert desk.scalar(plain, id=payout) is False
        desk.funded("AFF1")
        assert desk.scalar(plain, id=desk.request("AFF1", "25.00")) is True


class TestOverTheCap:
    def test_goes_over_by_what_was_agreed_and_counts_in_the_month(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty")
        earn(desk, code, 9000_00)
        desk.request(code, "4000.00")

        proposal = ask_beyond(desk, code, "3000.00")
        (rule,) = desk.decide(lambda conn: read_proposal(conn, proposal)).content["rules"]
        assert rule == {
            "rule": "cap_reached", "cap_minor": 5000_00, "used_minor": 4000_00, "month": "2026-11",
            "over_minor": 2000_00,
        }  # fmt: skip
        assert rule_words(rule, "USD") == (
            "$2,000.00 over the monthly cap of $5,000.00, $4,000.00 is paid or on its way in 2026-11"
        )
        agree(desk, proposal)

        assert desk.balance(code) == Balance(0, 2000_00, 7000_00, 0, 0)
        assert refused(desk, code, "100.00", by=Refusal).code == "cap_reached"
        assert desk.faults() == []

    def test_is_outdated_by_a_request_in_between(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty")
        earn(desk, code, 9000_00)
        proposal = ask_beyond(desk, code, "6000.00")
        desk.request(code, "1000.00")

        with pytest.raises(OutdatedProposal):
            agree(desk, proposal)
        assert (payouts(desk), desk.balance(code)) == (1, Balance(0, 8000_00, 1000_00, 0, 0))

    def test_is_outdated_by_the_next_month(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty")
        earn(desk, code, 9000_00)
        late = NOW + 10 * DAY
        proposal = ask_beyond(desk, code, "6000.00", now=late)

        with pytest.raises(OutdatedProposal):
            agree(desk, proposal, now=late + DAY - DAY / 24)
        assert payouts(desk) == 0


class TestBeforeTheRelease:
    def test_releases_just_what_is_needed_the_next_one_first_and_the_rest_waits_for_its_day(
        self, desk: Desk, maturing: str
    ) -> None:
        proposal = ask_beyond(desk, maturing, "65.00")
        (rule,) = desk.decide(lambda conn: read_proposal(conn, proposal)).content["rules"]
        assert (rule["rule"], rule["available_minor"], rule["early_minor"]) == (
            "before_release",
            20_00,
            45_00,
        )
        assert [earning["amount_minor"] for earning in rule["earnings"]] == [30_00, 40_00]
        assert rule_words(rule, "USD") == "$45.00 before its release day (21 Nov 2026 to 22 Nov 2026)"

        payout = agree(desk, proposal)

        assert desk.balance(maturing) == Balance(75_00, 0, 65_00, 0, 0)
        assert desk.column("SELECT amount_minor FROM early_release ORDER BY release_at") == [30_00, 40_00]
        assert desk.faults() == []
        refused(desk, maturing, "0.50", by=Refusal)  # the rest of the split one is not available
        desk.approve(payout, actor=ABE)
        desk.send(Rail())
        assert desk.balance(maturing) == Balance(75_00, 0, 0, 64_75, 25)
        for day, held in ((1, 75_00), (2, 50_00), (3, 0)):
            desk.release(NOW + day * DAY)
            assert desk.balance(maturing) == Balance(held, 75_00 - held, 0, 64_75, 25)
            assert desk.faults() == []

    def test_takes_the_next_day_first_in_whatever_order_the_earnings_were_written(self, desk: Desk) -> None:
        desk.funded("AFF1", "20.00")
        earn(desk, "AFF1", 100_00, at=NOW + 2 * DAY)
        earn(desk, "AFF1", 10_00, at=NOW + DAY)

        payout = agree(desk, ask_beyond(desk, "AFF1", "70.00"))

        assert desk.balance("AFF1") == Balance(60_00, 0, 70_00, 0, 0)
        assert desk.column("SELECT amount_minor FROM early_release ORDER BY release_at") == [10_00, 100_00]
        assert desk.faults() == []
        desk.decide(
            lambda conn: reject_payouts(conn, [Wanted(id=payout)], actor=ABE, now=NOW, reason="not now")
        )
        assert desk.balance("AFF1") == Balance(110_00, 20_00, 0, 0, 0)
        assert desk.faults() == []

    @pytest.mark.parametrize("end", ["reject", "cancel"])
    def test_what_comes_to_nothing_waits_for_its_day_again(self, desk: Desk, maturing: str, end: str) -> None:
        payout = agree(desk, ask_beyond(desk, maturing, "65.00"))
        act = {"reject": reject_payouts, "cancel": cancel_payouts}[end]

        desk.decide(lambda conn: act(conn, [Wanted(id=payout)], actor=ABE, now=NOW, reason="not now"))

        assert desk.balance(maturing) == Balance(120_00, 20_00, 0, 0, 0)
        assert refused(desk, maturing, "20.01", by=Refusal).code == "over_balance"
        assert desk.faults() == []
        for day, held in ((1, 90_00), (2, 50_00), (3, 0)):
            desk.release(NOW + day * DAY)
            assert desk.balance(maturing) == Balance(held, 140_00 - held, 0, 0, 0)
        assert desk.faults() == []

    def test_a_final_failure_gives_it_back_to_its_day_and_a_second_override_may_follow(
        self, desk: Desk, maturing: str
    ) -> None:
        payout = agree(desk, ask_beyond(desk, maturing, "65.00"))
        desk.approve(payout, actor=ABE)
        desk.send(Rail(declined("invalid_bank_account")))
        assert (desk.status(payout), desk.balance(maturing)) == ("failed", Balance(120_00, 20_00, 0, 0, 0))
        assert desk.faults() == []
        hold = desk.scalar("SELECT id FROM hold WHERE reason = 'destination_failed'")
        desk.decide(lambda conn: lift_hold(conn, int(str(hold)), actor=ADA, now=NOW, note="mended"))

        agree(desk, ask_beyond(desk, maturing, "65.00", why="again"))

        assert desk.balance(maturing) == Balance(75_00, 0, 65_00, 0, 0)
        assert desk.faults() == []

    def test_what_matured_meanwhile_comes_back_available(self, desk: Desk, maturing: str) -> None:
        payout = agree(desk, ask_beyond(desk, maturing, "65.00"))
        desk.release(NOW + 2 * DAY)
        assert desk.balance(maturing) == Balance(50_00, 25_00, 65_00, 0, 0)

        later = NOW + 2 * DAY
        desk.decide(lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ABE, now=later, reason="no"))

        assert desk.balance(maturing) == Balance(50_00, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_respects_holds_on_earnings_and_partners(self, desk: Desk, maturing: str) -> None:
        partner_id = int(str(desk.scalar("SELECT id FROM partner")))
        last = int(str(desk.scalar("SELECT max(id) FROM earning")))
        desk.decide(lambda conn: place_hold(conn, partner_id, "dispute", actor=MIA, now=NOW, earning_id=last))

        with pytest.raises(OverEverything) as caught:
            ask_beyond(desk, maturing, "90.01")
        assert (caught.value.code, str(caught.value.figures["maturing"])) == ("over_balance", "70.00")
        proposal = ask_beyond(desk, maturing, "90.00")
        desk.decide(lambda conn: place_hold(conn, partner_id, "review", actor=MIA, now=NOW, note="looking"))
        with pytest.raises(OnHold):
            agree(desk, proposal)
        assert desk.balance(maturing) == Balance(120_00, 20_00, 0, 0, 0)

    def test_is_outdated_by_a_release_in_between(self, desk: Desk, maturing: str) -> None:
        proposal = ask_beyond(desk, maturing, "65.00")
        desk.release(NOW + DAY)

        with pytest.raises(OutdatedProposal):
            agree(desk, proposal, now=NOW + DAY / 2)
        assert desk.balance(maturing) == Balance(90_00, 50_00, 0, 0, 0)

    def test_a_hold_on_what_was_released_early_pulls_the_payout_back_and_holds_it(
        self, desk: Desk, maturing: str
    ) -> None:
        payout = agree(desk, ask_beyond(desk, maturing, "65.00"))
        early = int(str(desk.scalar("SELECT min(earning_id) FROM early_release")))
        partner_id = int(str(desk.scalar("SELECT id FROM partner")))

        hold = desk.decide(
            lambda conn: place_hold(conn, partner_id, "dispute", actor=MIA, now=NOW, earning_id=early)
        )

        assert (desk.status(payout), desk.balance(maturing)) == ("cancelled", Balance(120_00, 20_00, 0, 0, 0))
        assert desk.faults() == []
        desk.release(NOW + 4 * DAY)
        assert desk.balance(maturing) == Balance(30_00, 110_00, 0, 0, 0)
        desk.decide(lambda conn: lift_hold(conn, hold, actor=ADA, now=NOW + 4 * DAY, note="settled"))
        assert desk.balance(maturing) == Balance(0, 140_00, 0, 0, 0)
        assert desk.faults() == []

    def test_several_rules_are_overridden_at_once(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty")
        earn(desk, code, 9000_00, at=NOW + DAY)

        proposal = ask_beyond(desk, code, "6000.00")

        rules = desk.decide(lambda conn: read_proposal(conn, proposal)).content["rules"]
        assert [rule["rule"] for rule in rules] == ["cap_reached", "before_release"]
        agree(desk, proposal)
        assert desk.balance(code) == Balance(3000_00, 0, 6000_00, 0, 0)
        assert desk.faults() == []


class TestWhatNoOverrideAllows:
    def test_no_amount_a_suspended_partner_and_a_second_open_request(self, desk: Desk, small: str) -> None:
        with pytest.raises(NotAnAmount):
            ask_beyond(desk, small, "lots")
        desk.partner("CRE1", program="creator")
        desk.sale("CRE1", "100.00", ref="b1", program="creator", kind="booking", at=NOW - 8 * DAY)
        desk.release()
        desk.request("CRE1", "10.00")
        earn(desk, "CRE1", 50_00, at=NOW + DAY)
        with pytest.raises(RequestOpen):
            ask_beyond(desk, "CRE1", "90.00")
        desk.partner(small, program="reseller", tier="reseller", status="suspended")
        with pytest.raises(PartnerSuspended):
            ask_beyond(desk, small, "60.00")
        assert desk.scalar("SELECT count(*) FROM proposal") == 0

    def test_the_release_mark_and_every_other_partner_stay_as_they_were(
        self, desk: Desk, maturing: str
    ) -> None:
        desk.partner("AFF2", account="acct_2")
        earn(desk, "AFF2", 70_00, at=NOW + DAY)
        mark = text("SELECT array_agg(released_to ORDER BY partner_id) FROM partner_balance")
        with desk.engine.connect() as conn:
            before = conn.execute(mark).scalar_one()

        agree(desk, ask_beyond(desk, maturing, "65.00"))

        with desk.engine.connect() as conn:
            assert conn.execute(mark).scalar_one() == before
        assert desk.balance("AFF2") == Balance(70_00, 0, 0, 0, 0)
