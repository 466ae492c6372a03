"""The queue run: who is due gets one payout of what may be paid, everybody else a dated reason with figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import text

from core.decisions import Wanted
from core.ending import reject_payouts
from core.queueing import queue_due
from tests.core.giving import earn
from tests.desk import ABE, ADA, DAY, HOUR, NOW, Balance, Desk

INSTANT = timedelta(microseconds=1)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)  # a Friday


class Queued(NamedTuple):
    """One payout as the queue wrote it."""

    code: str
    amount_minor: int
    fee_minor: int
    slot: datetime
    approvals_needed: int


def payouts(desk: Desk) -> list[Queued]:
    query = text("""SELECT t.code, p.amount_minor, p.fee_minor, p.slot, p.approvals_needed
                      FROM payout p JOIN partner t ON t.id = p.partner_id ORDER BY p.id""")
    with desk.engine.connect() as conn:
        return [Queued(*row) for row in conn.execute(query)]


def skip_of(desk: Desk, code: str, run_id: int = 1) -> tuple[str, str, dict[str, str]]:
    """Reason, sentence and the other figures of why a run passed over a partner."""
    query = text("""SELECT s.reason, s.figures, s.at FROM skip s JOIN partner p ON p.id = s.partner_id
                     WHERE p.code = :code AND s.run_id = :run_id""")
    with desk.engine.connect() as conn:
        row = conn.execute(query, {"code": code, "run_id": run_id}).one()
    figures = dict(row.figures)
    return row.reason, figures.pop("sentence"), figures


@pytest.fixture
def broker(desk: Desk) -> str:
    """A broker paid daily, at least 100.00 and at most 5,000.00 a month; everything up to now is released."""
    desk.release()
    return desk.partner("BRK1", program="broker-bounty")


class TestAPayout:
    def test_is_made_of_everything_available_for_the_slot_that_is_due(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 300_00, 200_00, -20_00)
        assert desk.balance(broker) == Balance(0, 480_00, 0, 0, 0)

        result = desk.queue()

        assert (result.count, result.amounts, result.details["skipped"]) == (1, {"USD": 480_00}, [])
        assert payouts(desk) == [Queued(broker, 480_00, 0, TODAY, 1)]
        assert desk.balance(broker) == Balance(0, 0, 480_00, 0, 0)
        assert desk.faults() == []

    def test_is_not_made_again_for_a_slot_that_was_served(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 300_00)
        desk.queue()
        earn(desk, broker, 400_00)

        again = desk.queue(NOW + HOUR, run_id=2)

        assert (again.count, again.details["skipped"]) == (0, [])
        assert desk.balance(broker) == Balance(0, 400_00, 300_00, 0, 0)
        assert desk.queue(NOW + DAY, run_id=3).count == 1
        assert desk.balance(broker) == Balance(0, 0, 700_00, 0, 0)

    def test_serves_several_missed_slots_at_once(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 300_00, 300_00)
        desk.queue(NOW - 6 * DAY)
        earn(desk, broker, 300_00)

        desk.queue(run_id=2)

        assert [(one.amount_minor, one.slot) for one in payouts(desk)] == [
            (600_00, TODAY - 6 * DAY),
            (300_00, TODAY),
        ]
        assert desk.queue(NOW + HOUR, run_id=3).count == 0

    def test_above_the_limit_takes_two_people_and_at_it_one(self, desk: Desk, broker: str) -> None:
        other = desk.partner("BRK2", program="broker-bounty")
        earn(desk, broker, 1000_00)
        earn(desk, other, 1000_01)

        desk.queue()

        assert [one.approvals_needed for one in payouts(desk)] == [1, 2]

    def test_that_was_rejected_comes_again_with_the_next_slot(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 300_00)
        desk.queue()
        payout = desk.scalar("SELECT id FROM payout")
        assert isinstance(payout, int)
        desk.decide(
            lambda conn: reject_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="look again")
        )

        assert desk.queue(NOW + HOUR, run_id=2).count == 0
        assert desk.balance(broker) == Balance(0, 300_00, 0, 0, 0)
        assert desk.queue(NOW + DAY, run_id=3).count == 1
        assert desk.faults() == []

    def test_is_never_made_where_payouts_are_on_request(self, desk: Desk) -> None:
        desk.funded("AFF1")

        assert (desk.queue().count, desk.scalar("SELECT count(*) FROM skip")) == (0, 0)


class TestTheSlot:
    def test_of_a_week_begins_on_its_friday(self, desk: Desk) -> None:
        desk.release(NOW - 30 * DAY)
        code = desk.partner("BAR1", program="barber", method="bank_transfer", account=None)
        earn(desk, code, 100_00, at=NOW - 40 * DAY)
        desk.queue(TODAY - 7 * DAY)
        earn(desk, code, 200_00, at=NOW - 40 * DAY)

        assert desk.queue(TODAY - INSTANT, run_id=2).count == 0
        assert desk.queue(TODAY, run_id=3).count == 1

        assert [(one.amount_minor, one.slot) for one in payouts(desk)] == [
            (100_00, TODAY - 7 * DAY),
            (200_00, TODAY),
        ]

    def test_of_the_first_of_a_month_is_caught_up_on_the_third(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRR1", program="broker-recurring")
        earn(desk, code, 150_00)
        third, first = datetime(2026, 12, 3, 2, 15, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
        assert desk.queue(first - INSTANT).count == 1  # for November
        earn(desk, code, 200_00)

        assert desk.queue(third, run_id=2).count == 1
        earn(desk, code, 250_00)
        assert desk.queue(third + DAY, run_id=3).count == 0

        assert [one.slot for one in payouts(desk)] == [datetime(2026, 11, 1, tzinfo=UTC), first]
        assert desk.balance(code).available == 250_00

    def test_of_before_a_partner_joined_is_not_due(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner(
            "BAR1", program="barber", method="bank_transfer", account=None, joined_on="2026-11-14"
        )
        earn(desk, code, 100_00)

        assert desk.queue(TODAY - INSTANT).count == 0
        assert desk.queue(TODAY, run_id=2).count == 1


class TestTheMinimum:
    def test_short_by_a_cent_is_told_and_serves_the_slot(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 99_99)

        result = desk.queue()

        assert (result.count, result.details["skipped"]) == (0, [{"reason": "below_minimum", "count": 1}])
        reason, sentence, figures = skip_of(desk, broker)
        assert (reason, sentence) == ("below_minimum", "$99.99 is $0.01 below the minimum of $100.00.")
        assert figures == {"amount": "99.99", "short": "0.01", "minimum": "100.00"}
        assert desk.column("SELECT at FROM skip") == [NOW]
        earn(desk, broker, 1)
        assert desk.queue(NOW + HOUR, run_id=2).count == 0
        assert desk.queue(NOW + DAY, run_id=3).count == 1
        assert desk.balance(broker) == Balance(0, 0, 100_00, 0, 0)


class TestTheCap:
    def test_cuts_the_payout_and_leaves_the_rest_available_with_the_reason(
        self, desk: Desk, broker: str
    ) -> None:
        earn(desk, broker, 6000_00)

        assert desk.queue().amounts == {"USD": 5000_00}
        assert desk.balance(broker) == Balance(0, 1000_00, 5000_00, 0, 0)
        assert desk.faults() == []
        desk.queue(NOW + DAY, run_id=2)

        reason, sentence, figures = skip_of(desk, broker, run_id=2)
        assert reason == "cap_reached"
        assert sentence == (
            "BRK1 may get $0.00 more this month: the cap is $5,000.00, and $5,000.00 is paid or on its way."
        )
        assert figures == {"partner": broker, "left": "0.00", "cap": "5000.00", "used": "5000.00"}
        assert desk.balance(broker) == Balance(0, 1000_00, 5000_00, 0, 0)
        assert desk.queue(datetime(2026, 12, 1, tzinfo=UTC), run_id=3).amounts == {"USD": 1000_00}
        assert desk.faults() == []

    def test_begins_anew_with_the_month_of_the_programs_zone(self, desk: Desk, broker: str) -> None:
        with desk.engine.begin() as conn:
            conn.execute(text("UPDATE program SET zone = 'America/New_York' WHERE code = 'broker-bounty'"))
        december = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)  # midnight there
        earn(desk, broker, 9000_00)
        desk.queue(december - INSTANT)  # still November there, though December in UTC
        assert desk.balance(broker) == Balance(0, 4000_00, 5000_00, 0, 0)

        assert desk.queue(december, run_id=2).amounts == {"USD": 4000_00}
        assert desk.column("SELECT cap_month::text FROM payout ORDER BY id") == ["2026-11-01", "2026-12-01"]

    def test_counts_again_what_was_rejected_as_free(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 6000_00)
        desk.queue()
        payout = desk.scalar("SELECT id FROM payout")
        assert isinstance(payout, int)
        desk.decide(
            lambda conn: reject_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="look again")
        )
        assert desk.balance(broker) == Balance(0, 6000_00, 0, 0, 0)

        assert desk.queue(NOW + DAY, run_id=2).amounts == {"USD": 5000_00}

    def test_may_leave_too_little_for_the_minimum(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 4950_00)
        desk.queue()
        earn(desk, broker, 500_00)

        desk.queue(NOW + DAY, run_id=2)

        reason, _, figures = skip_of(desk, broker, run_id=2)
        assert (reason, figures["amount"], figures["minimum"]) == ("below_minimum", "50.00", "100.00")
        assert desk.balance(broker).available == 500_00
        assert desk.scalar("SELECT count(*) FROM earning WHERE kind LIKE 'carry%'") == 0


class TestAHold:
    def test_on_a_new_partner_ends_after_60_days_and_the_slot_waits_for_it(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty", joined_on="2026-11-01")
        earn(desk, code, 300_00)
        ends = datetime(2026, 12, 31, tzinfo=UTC)

        desk.queue()

        reason, sentence, figures = skip_of(desk, code)
        assert (reason, figures["reason"]) == ("on_hold", "new_partner")
        assert sentence == "BRK1 is on hold because the partner is new, until 31 Dec 2026."
        assert desk.queue(ends - INSTANT, run_id=2).count == 0
        assert desk.queue(ends, run_id=3).count == 1
        assert desk.balance(code) == Balance(0, 0, 300_00, 0, 0)

    def test_on_a_changed_destination_ends_after_7_days_and_then_takes_two_people(
        self, desk: Desk, broker: str
    ) -> None:
        earn(desk, broker, 300_00)
        desk.partner(broker, program="broker-bounty", account="acct_2")

        desk.queue()
        assert skip_of(desk, broker)[2]["reason"] == "destination_changed"
        assert desk.balance(broker) == Balance(0, 300_00, 0, 0, 0)
        assert desk.queue(NOW + 7 * DAY - INSTANT, run_id=2).count == 0
        assert desk.queue(NOW + 7 * DAY, run_id=3).count == 1

        assert [one.approvals_needed for one in payouts(desk)] == [2]


class TestAPartnerWhoCannotBePaidNow:
    def test_for_want_of_a_destination_is_paid_for_the_same_slot_once_there_is_one(self, desk: Desk) -> None:
        desk.release()
        code = desk.partner("BRK1", program="broker-bounty", account=None)
        earn(desk, code, 300_00)

        desk.queue()

        assert skip_of(desk, code)[:2] == ("no_destination", "BRK1 has no payout destination yet.")
        desk.partner(code, program="broker-bounty", account="acct_1")
        assert desk.queue(NOW + HOUR, run_id=2).count == 1
        assert desk.balance(code) == Balance(0, 0, 300_00, 0, 0)

    def test_being_suspended_is_paid_once_active_again(self, desk: Desk, broker: str) -> None:
        earn(desk, broker, 300_00)
        desk.partner(broker, program="broker-bounty", status="suspended")

        desk.queue()

        assert skip_of(desk, broker)[0] == "partner_suspended"
        assert desk.balance(broker) == Balance(0, 300_00, 0, 0, 0)
        desk.partner(broker, program="broker-bounty")
        assert desk.queue(NOW + HOUR, run_id=2).count == 1

    def test_with_nothing_available_is_paid_for_the_same_slot_when_money_comes(
        self, desk: Desk, broker: str
    ) -> None:
        debtor = desk.partner("BRK2", program="broker-bounty")
        earn(desk, broker, 300_00, at=NOW + HOUR)
        earn(desk, debtor, -50_00)

        result = desk.queue()

        assert result.details["skipped"] == [{"reason": "nothing_available", "count": 2}]
        assert skip_of(desk, broker)[2] == {"partner": broker, "available": "0.00"}
        assert skip_of(desk, debtor)[1] == "BRK2 has −$50.00 available, so there is nothing to pay."
        desk.release(NOW + HOUR)
        assert desk.queue(NOW + HOUR, run_id=2).count == 1
        assert desk.balance(debtor) == Balance(0, -50_00, 0, 0, 0)

    def test_whose_fee_would_eat_the_amount_keeps_it_whole(self, desk: Desk) -> None:
        desk.release()
        eaten, cut, paid = (
            desk.partner(code, method="check", account=None) for code in ("AFF1", "AFF2", "AFF3")
        )
        daily = {"kind": "daily"}
        desk.own_terms(eaten, schedule=daily)
        desk.own_terms(cut, schedule=daily, max_per_partner_month_minor=3_00)
        desk.own_terms(paid, schedule=daily)
        earn(desk, eaten, 5_00)
        earn(desk, cut, 90_00)
        earn(desk, paid, 5_01)

        desk.queue()

        assert payouts(desk) == [Queued(paid, 5_01, 5_00, TODAY, 1)]
        assert skip_of(desk, eaten)[2] == {"fee": "5.00", "amount": "5.00"}
        assert skip_of(desk, cut)[:2] == (
            "fee_exceeds_amount",
            "The fee of $5.00 would eat the $3.00; it waits until there is more.",
        )
        assert desk.balance(cut) == Balance(0, 90_00, 0, 0, 0)
        assert desk.scalar("SELECT count(*) FROM earning WHERE kind LIKE 'carry%'") == 0
        assert desk.faults() == []


class TestARun:
    def test_makes_as_many_payouts_as_it_was_told_and_the_next_run_the_rest(self, desk: Desk) -> None:
        desk.release()
        codes = [desk.partner(f"BRK{n}", program="broker-bounty") for n in (1, 2, 3)]
        for code in codes:
            earn(desk, code, 300_00)

        assert queue_due(desk.engine, now=NOW, run_id=1, limit=2).count == 2
        assert [one.code for one in payouts(desk)] == codes[:2]
        assert desk.balance(codes[2]) == Balance(0, 300_00, 0, 0, 0)

        assert queue_due(desk.engine, now=NOW, run_id=2, program="barber").count == 0
        assert queue_due(desk.engine, now=NOW, run_id=3, partner=codes[0]).count == 0
        assert queue_due(desk.engine, now=NOW, run_id=4, partner=codes[2]).count == 1
        assert [one.code for one in payouts(desk)] == codes

    def test_dry_tells_what_the_real_one_does_and_changes_nothing(self, desk: Desk, broker: str) -> None:
        poor = desk.partner("BRK2", program="broker-bounty")
        earn(desk, broker, 6000_00)
        earn(desk, poor, 99_00)
        before = desk.scalar("SELECT seq FROM audit_head")

        dry = queue_due(desk.engine, now=NOW, run_id=1, dry_run=True)

        assert (payouts(desk), desk.scalar("SELECT count(*) FROM skip")) == ([], 0)
        assert desk.scalar("SELECT seq FROM audit_head") == before
        assert desk.scalar("SELECT count(*) FROM partner WHERE last_slot IS NOT NULL") == 0
        assert desk.balance(broker) == Balance(0, 6000_00, 0, 0, 0)
        real = desk.queue()
        assert real == dry
        assert (real.count, real.amounts) == (1, {"USD": 5000_00})


def test_a_barber_with_1000_gross_at_72_per_cent_and_50_rent_gets_667_25(desk: Desk) -> None:
    code = desk.partner("BAR1", program="barber")
    head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description\n"
    services = [
        f"barber,BAR1,service,s{n},2026-10-{n % 28 + 1:02}T12:00:00Z,{'16.00' if n < 40 else '18.00'},USD,Cut\n"
        for n in range(60)
    ]
    desk.take_in("sales", head + "".join(services))
    assert desk.balance(code) == Balance(0, 0, 0, 0, 0)
    desk.sale(code, "-50.00", ref="rent", program="barber", kind="deduction")
    assert desk.balance(code) == Balance(0, -50_00, 0, 0, 0)
    desk.accrue()
    assert desk.balance(code) == Balance(720_00, -50_00, 0, 0, 0)
    desk.release()
    assert desk.balance(code) == Balance(0, 670_00, 0, 0, 0)

    desk.queue()

    assert payouts(desk) == [Queued(code, 670_00, 2_75, TODAY, 1)]
    payout = desk.scalar("SELECT id FROM payout")
    assert isinstance(payout, int)
    assert desk.approve(payout, actor=ABE).done == [payout]
    desk.send()
    assert desk.balance(code) == Balance(0, 0, 0, 667_25, 2_75)
    assert desk.faults() == []
