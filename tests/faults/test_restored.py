"""A database restored from a backup made before payouts were sent pays nothing a second time, and finds its way back."""

from __future__ import annotations

import pytest

from core.decisions import Wanted
from core.differences import WouldBePaidAgain, close_difference
from core.ending import cancel_payouts, reject_payouts
from core.gate import Gate
from core.guards import blocking_reasons
from core.paid_outside import PayoutInTheWay
from core.proposals import propose
from tests.desk import ABE, ADA, Balance
from tests.faults.restored import OPEN, comes_back, restored


def test_fifty_payouts_that_were_sent_after_the_backup_stay_fifty_and_the_backlog_drains() -> None:
    with restored() as here:
        assert comes_back(here) == {"transfers": 62, "adopted": 55, "owed": 3}


def test_a_transfer_of_a_waiting_payout_is_not_closed_but_booked() -> None:
    with restored(approved=1, pending=1, unmade=1, unsent=1) as here:
        here.send(Gate())
        here.reconcile()
        (pending,) = here.pending
        waiting = here.desk.scalar("SELECT id FROM difference WHERE payout_id = :id", id=pending)
        assert isinstance(waiting, int)
        now = here.fake.clock.now()

        with pytest.raises(WouldBePaidAgain):
            here.desk.decide(
                lambda conn: close_difference(conn, waiting, reason="it is fine", actor=ADA, now=now)
            )
        with pytest.raises(WouldBePaidAgain):
            here.desk.decide(
                lambda conn: propose(conn, "paid_outside", ids=[waiting], why="w", actor=ABE, now=now)
            )
        assert here.desk.status(pending) == "pending"

        # Rejected, its money is back, and what was paid is owed: the sum is what the partner really has.
        here.desk.decide(
            lambda conn: reject_payouts(conn, [Wanted(id=pending)], actor=ADA, now=now, reason="paid before")
        )
        here.agreed("paid_outside", waiting)
        assert here.desk.balance("AFF1") == Balance(0, 100_00 - 24_75, 0, 0, 0)
        assert here.desk.faults() == []


def test_a_partner_with_a_new_payout_waiting_is_not_booked_before_it_is_gone() -> None:
    with restored(approved=1, pending=1, unmade=1, unsent=1) as here:
        here.send(Gate())
        here.reconcile()
        (unmade,) = here.unmade
        (difference,) = here.desk.column(OPEN)
        assert isinstance(difference, int)
        now = here.fake.clock.now()
        again = here.desk.request(unmade, "25.00")

        with pytest.raises(PayoutInTheWay):
            here.agreed("paid_outside", difference)
        here.desk.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=again)], actor=ADA, now=now, reason="paid before")
        )
        here.agreed("paid_outside", difference)

        assert here.desk.balance(unmade).available == 100_00 - 24_75
        assert here.desk.faults() == []


def test_even_without_the_stop_a_payout_whose_transfer_was_seen_is_blocked_for_ever() -> None:
    with restored(approved=1, pending=1, unmade=1, unsent=1) as here:
        here.send(Gate())
        here.reconcile()
        (pending,) = here.pending
        now = here.fake.clock.now()
        here.desk.approve(pending, now=now)
        with here.desk.engine.connect() as conn:
            codes = [reason.code for reason in blocking_reasons(conn, [pending], now=now)[pending]]
        assert codes == ["sending_stopped", "paid_already"]
