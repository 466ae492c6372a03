"""A partner's own terms: two people agree on them, they act where they should, and who placed one never approves under it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.access import Actor, NotAllowed
from core.own_terms import BadTerms, SameTerms, terms_content
from core.proposals import confirm, propose, read_proposal, refuse_proposal
from core.second_person import NoWhy, OutdatedProposal, OwnProposal
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, VIC, Desk

ADA_PROPOSES = Actor(name="user:ada", channel="cli", roles=frozenset({"approver"}))


def partner_id(desk: Desk, code: str = "AFF1") -> int:
    found = desk.scalar("SELECT id FROM partner WHERE code = :code", code=code)
    assert isinstance(found, int)
    return found


def proposed(desk: Desk, code: str = "AFF1", *, by: Actor = MIA, now: datetime = NOW, **terms: object) -> int:
    content = terms_content(terms)
    return desk.decide(
        lambda conn: propose(
            conn,
            "change_terms",
            ids=[partner_id(desk, code)],
            content=content,
            why="agreed",
            actor=by,
            now=now,
        )
    )


def agreed(
    desk: Desk,
    code: str = "AFF1",
    *,
    by: Actor = MIA,
    second: Actor = ABE,
    now: datetime = NOW,
    **terms: object,
) -> int:
    proposal = proposed(desk, code, by=by, now=now, **terms)
    desk.decide(lambda conn: confirm(conn, proposal, actor=second, now=now))
    return proposal


def own(desk: Desk, code: str = "AFF1") -> object:
    return desk.scalar("SELECT overrides FROM partner WHERE code = :code", code=code)


def releases(desk: Desk, code: str) -> list[object]:
    return desk.column(
        """SELECT e.release_at - e.occurred_at FROM earning e JOIN partner p ON p.id = e.partner_id
            WHERE p.code = :code ORDER BY e.id""",
        code=code,
    )


class TestTwoPeople:
    @pytest.fixture(autouse=True)
    def aff1(self, desk: Desk) -> None:
        desk.partner("AFF1")

    def test_one_proposes_and_nothing_holds_until_another_confirms(self, desk: Desk) -> None:
        proposal = proposed(desk, min_payout_minor=25_00)
        assert own(desk) == {}
        with pytest.raises(OwnProposal):
            desk.decide(lambda conn: confirm(conn, proposal, actor=MIA, now=NOW))
        assert own(desk) == {}

        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW))
        assert own(desk) == {"min_payout_minor": 25_00}
        assert desk.column("SELECT made_by FROM own_terms") == ["user:mia"]
        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 2") == [
            "proposal.confirmed",
            "partner.terms_changed",
        ]
        changed = desk.column("SELECT concat_ws(' ', field, old_value, '->', new_value) FROM change")
        assert changed == ["Minimum payout -> $25.00"]

    def test_a_refusal_changes_nothing(self, desk: Desk) -> None:
        proposal = proposed(desk, hold_days=3)
        desk.decide(lambda conn: refuse_proposal(conn, proposal, note="not now", actor=ADA, now=NOW))
        assert (own(desk), desk.column("SELECT id FROM own_terms")) == ({}, [])

    def test_they_are_said_in_words(self, desk: Desk) -> None:
        agreed(desk, hold_days=3, auto_payout_enabled=True)
        proposal = proposed(
            desk,
            schedule={"kind": "weekly", "weekday": 5},
            fees={"stripe": {"pct": "0.5", "fixed_minor": 25}},
            auto_payout_enabled=True,
        )
        with desk.engine.connect() as conn:
            from core.proposals import KINDS

            told = KINDS["change_terms"].about(read_proposal(conn, proposal).content)
        assert told == (
            "AFF1: held after the event 3 days → as the program; paid as the program → weekly on Friday;"
            " fee by stripe as the program → 0.5% of the amount + $0.25, borne by the partner"
        )

    def test_terms_that_changed_meanwhile_are_looked_at_again(self, desk: Desk) -> None:
        first, second = proposed(desk, hold_days=3), proposed(desk, hold_days=4)
        desk.decide(lambda conn: confirm(conn, first, actor=ADA, now=NOW))
        with pytest.raises(OutdatedProposal):
            desk.decide(lambda conn: confirm(conn, second, actor=ADA, now=NOW))
        assert own(desk) == {"hold_days": 3}

    def test_what_cannot_be_is_refused_by_name(self, desk: Desk) -> None:
        for terms in (
            {"hold_days": -1},
            {"min_payout_minor": 1.5},
            {"schedule": {"kind": "monthly", "day": 32}},
            {"schedule": {"kind": "weekly", "weekday": 0}},
            {"discount": 5},
            {"fees": {"cash": {"fixed_minor": 1}}},
        ):
            with pytest.raises(BadTerms):
                proposed(desk, **terms)
        with pytest.raises(SameTerms):
            proposed(desk)
        with pytest.raises(NotAllowed):
            proposed(desk, by=VIC, hold_days=3)
        with pytest.raises(NoWhy):
            desk.decide(
                lambda conn: propose(
                    conn,
                    "change_terms",
                    ids=[partner_id(desk)],
                    content=terms_content({"hold_days": 3}),
                    why=" ",
                    actor=MIA,
                    now=NOW,
                )
            )
        assert own(desk) == {}

    def test_taking_all_of_them_away_leaves_the_programs(self, desk: Desk) -> None:
        agreed(desk, hold_days=3)
        agreed(desk)
        assert own(desk) == {}


class TestMakers:
    def queued(self, desk: Desk, now: datetime = NOW) -> int:
        desk.queue(now=now)
        payout = desk.scalar("SELECT max(id) FROM payout")
        assert isinstance(payout, int)
        return payout

    def test_who_placed_a_term_never_approves_what_is_queued_under_it(self, desk: Desk) -> None:
        desk.funded("AFF1", "100.00")
        agreed(desk, by=ADA_PROPOSES, schedule={"kind": "daily"})
        payout = self.queued(desk)

        (refused,) = desk.approve(payout, actor=ADA).refused
        assert refused.code == "own_payout"
        assert desk.approve(payout, actor=ABE).done == [payout]
        assert desk.faults() == []

    def test_what_was_queued_before_is_not_theirs(self, desk: Desk) -> None:
        desk.funded("AFF1", "100.00")
        payout = desk.request("AFF1", "50.00")
        agreed(desk, by=ADA_PROPOSES, hold_days=3)
        assert desk.approve(payout, actor=ADA).done == [payout]
        assert desk.faults() == []

    def test_a_term_somebody_else_replaced_is_theirs_no_more_and_one_that_stayed_still_is(
        self, desk: Desk
    ) -> None:
        desk.funded("AFF1", "100.00")
        agreed(desk, by=ADA_PROPOSES, schedule={"kind": "daily"}, hold_days=3)
        agreed(desk, by=MIA, schedule={"kind": "daily"}, hold_days=5)
        assert self.makers(desk, self.queued(desk)) == {"user:ada", "user:mia", "job:queue"}

        agreed(desk, by=MIA, schedule={"kind": "weekly", "weekday": 6}, hold_days=5)
        desk.sale("AFF1", "40.00", ref="later")
        desk.release(now=NOW + 8 * DAY)
        assert self.makers(desk, self.queued(desk, NOW + 8 * DAY)) == {"user:mia", "job:queue"}

    def makers(self, desk: Desk, payout: int) -> set[object]:
        found = set(desk.column("SELECT payout_makers(:id)", id=payout))
        return {name for name in found if not str(name).startswith("os:")}


class TestHoldDays:
    def test_the_partners_days_stand_over_the_tiers_and_the_programs_for_every_sale_from_then_on(
        self, desk: Desk
    ) -> None:
        desk.partner("CR1", program="creator", account="acct_cr")
        desk.sale("CR1", "10.00", ref="s1", program="creator", kind="booking")
        agreed(desk, "CR1", hold_days=30)
        desk.sale("CR1", "10.00", ref="s2", program="creator", kind="booking")
        agreed(desk, "CR1", hold_days=0)
        desk.sale("CR1", "10.00", ref="s3", program="creator", kind="booking")
        assert releases(desk, "CR1") == [7 * DAY, 30 * DAY, 0 * DAY]
        assert desk.balance("CR1").available == 0  # behind no mark yet
        desk.release()
        assert (desk.balance("CR1").available, desk.balance("CR1").held) == (9_00, 18_00)
        assert desk.faults() == []

    def test_a_bounty_waits_for_its_partners_days_from_its_own_instant(self, desk: Desk) -> None:
        for code in ("BR1", "BR2"):
            desk.partner(code, program="broker-bounty", account=f"acct_{code}")
        agreed(desk, "BR1", hold_days=5)
        for code in ("BR1", "BR2"):
            desk.customer(f"cu-{code}", code, signed_up=NOW - 61 * DAY)
        desk.accrue()
        assert (releases(desk, "BR1"), releases(desk, "BR2")) == ([5 * DAY], [0 * DAY])

    def test_a_month_and_a_period_too(self, desk: Desk) -> None:
        desk.partner("RE1", program="broker-recurring", account="acct_re")
        desk.partner("BA1", program="barber", account="acct_ba")
        agreed(desk, "RE1", hold_days=2)
        agreed(desk, "BA1", hold_days=2)
        desk.customer("cu-1", "RE1", signed_up=datetime(2026, 10, 20, tzinfo=UTC))
        desk.sale(
            "BA1", "100.00", ref="b1", program="barber", kind="service", at=datetime(2026, 10, 5, tzinfo=UTC)
        )
        desk.accrue()
        assert (releases(desk, "RE1"), releases(desk, "BA1")) == ([2 * DAY], [2 * DAY])


class TestTheHoldWhileNew:
    def until(self, desk: Desk) -> list[object]:
        return desk.column("SELECT until FROM hold WHERE closed_at IS NULL ORDER BY id")

    def test_it_ends_when_the_partners_own_terms_say(self, desk: Desk) -> None:
        desk.partner("BR1", program="broker-bounty", account="acct_br", joined_on="2026-11-10")
        assert self.until(desk) == [datetime(2027, 1, 9, tzinfo=UTC)]
        agreed(desk, "BR1", new_partner_days=20)
        assert self.until(desk) == [datetime(2026, 11, 30, tzinfo=UTC)]
        agreed(desk, "BR1", new_partner_days=0)
        assert self.until(desk) == []
        agreed(desk, "BR1")
        assert self.until(desk) == [datetime(2027, 1, 9, tzinfo=UTC)]
        assert desk.column("SELECT count(*) FROM hold WHERE closed_at IS NOT NULL") == [2]

    def test_other_terms_leave_it_as_it_is(self, desk: Desk) -> None:
        desk.partner("BR1", program="broker-bounty", account="acct_br", joined_on="2026-11-10")
        before = desk.column("SELECT id FROM hold")
        agreed(desk, "BR1", hold_days=3)
        assert desk.column("SELECT id FROM hold WHERE closed_at IS NULL") == before


class TestWhatTheyDo:
    def test_a_partners_minimum_cap_fee_and_schedule_are_what_the_queue_obeys(self, desk: Desk) -> None:
        desk.funded("AFF1", "100.00")
        agreed(
            desk,
            schedule={"kind": "daily"},
            min_payout_minor=20_00,
            max_per_partner_month_minor=60_00,
            fees={"stripe": {"fixed_minor": 2_00}},
        )
        desk.queue()
        assert desk.column("SELECT amount_minor FROM payout") == [60_00]
        assert desk.column("SELECT fee_minor FROM payout") == [2_00]
        agreed(desk, schedule={"kind": "daily"}, min_payout_minor=50_00)
        desk.queue(now=NOW + DAY + HOUR, run_id=2)
        assert desk.column("SELECT reason FROM skip WHERE run_id = 2") == ["below_minimum"]
