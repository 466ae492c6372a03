"""Early payouts: everything available before the slot, which then pays only what came after."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.access import Actor, NotAllowed
from core.drafting import BelowMinimum, NothingAvailable, OnHold
from core.early_payouts import NotScheduled, request_early_payout
from core.holds import place_hold
from core.refusals import Refusal
from core.requests import WhyAsked
from tests.core.giving import earn
from tests.desk import ADA, DAY, HOUR, MIA, NOW, Balance, Desk, Rail

TUESDAY = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 0, 0, tzinfo=UTC)


def early(
    desk: Desk, code: str, *, now: datetime = TUESDAY, reason: str = "rent is due", actor: Actor = MIA
) -> int:
    with desk.engine.begin() as conn:
        return request_early_payout(conn, code, reason=reason, actor=actor, now=now)


@pytest.fixture
def barber(desk: Desk) -> str:
    """A barber, paid on Fridays, with 80.00 and 40.00 available on Tuesday; Friday's run before was served."""
    desk.release()
    desk.partner("BRB1", program="barber")
    desk.queue(NOW)
    earn(desk, "BRB1", 80_00, 40_00)
    assert desk.balance("BRB1") == Balance(0, 120_00, 0, 0, 0)
    return "BRB1"


class TestAnEarlyPayout:
    def test_pays_everything_now_and_friday_pays_only_what_came_after(self, desk: Desk, barber: str) -> None:
        payout = early(desk, barber)

        assert desk.balance(barber) == Balance(0, 0, 120_00, 0, 0)
        row = "SELECT ARRAY[origin, note, before_slot::text] FROM payout JOIN early_payout ON payout_id = id"
        assert desk.column(row) == [["request", "rent is due", "2026-11-27 00:00:00+00"]]
        assert desk.approve(payout, now=TUESDAY).done == [payout]
        desk.send(Rail(), TUESDAY + HOUR)
        assert desk.status(payout) == "paid"
        earn(desk, barber, 90_00, at=TUESDAY - DAY)
        desk.release(FRIDAY + HOUR)

        run = desk.queue(FRIDAY + 2 * HOUR, run_id=2)

        assert (run.count, run.amounts["USD"]) == (1, 90_00)
        assert desk.column("SELECT amount_minor FROM payout ORDER BY id") == [120_00, 90_00]
        assert desk.faults() == []

    def test_leaves_nothing_for_a_slot_without_anything_new(self, desk: Desk, barber: str) -> None:
        early(desk, barber)

        assert desk.queue(FRIDAY + 2 * HOUR, run_id=2).count == 0
        assert desk.balance(barber) == Balance(0, 0, 120_00, 0, 0)

    def test_is_cut_to_what_the_cap_leaves(self, desk: Desk) -> None:
        desk.release()
        desk.partner("BRK1", program="broker-recurring")
        earn(desk, "BRK1", 9000_00)

        early(desk, "BRK1")

        assert desk.balance("BRK1") == Balance(0, 4000_00, 5000_00, 0, 0)
        assert desk.faults() == []


class TestIsRefused:
    def test_to_who_is_paid_on_request(self, desk: Desk) -> None:
        desk.funded("AFF1")

        with pytest.raises(NotScheduled):
            early(desk, "AFF1")
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

    def test_by_name_and_moves_nothing(self, desk: Desk, barber: str) -> None:
        with pytest.raises(WhyAsked):
            early(desk, barber, reason=" ")
        with pytest.raises(NotAllowed):
            early(desk, barber, actor=ADA)
        partner_id = int(str(desk.scalar("SELECT id FROM partner")))
        assert desk.balance(barber) == Balance(0, 120_00, 0, 0, 0)
        early(desk, barber)
        refusals: list[type[Refusal]] = [NothingAvailable]
        for refusal in refusals:
            with pytest.raises(refusal):
                early(desk, barber)
        earn(desk, barber, 1_00)
        with pytest.raises(BelowMinimum):
            early(desk, barber)
        desk.decide(lambda conn: place_hold(conn, partner_id, "review", actor=MIA, now=NOW))
        with pytest.raises(OnHold):
            early(desk, barber)
        assert desk.scalar("SELECT count(*) FROM payout") == 1
