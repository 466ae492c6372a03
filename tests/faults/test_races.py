"""Two people or jobs at once, in both orders: one wins, the other is told so, and no money is made or lost."""

from collections.abc import Callable

import pytest

from core.access import Actor
from core.batches import fix_batch
from tests.desk import ABE, ADA, DAY, NOW, Balance, Desk
from tests.faults import sides
from tests.faults.racing import Side, meet

WHOLE, RESERVED_25 = Balance(0, 100_00, 0, 0, 0), Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


def pending(desk: Desk, code: str = "AFF1", amount: str = "25.00") -> int:
    desk.funded(code)
    return desk.request(code, amount)


def acts(desk: Desk, action: str) -> object:
    return desk.scalar("SELECT count(*) FROM audit WHERE action = :action", action=action)


class TestTwoPeopleAndOnePayout:
    def test_two_approvals_of_what_needs_one_move_it_once(self, desk: Desk, database: str) -> None:
        payout = pending(desk)

        assert meet(database, sides.approve(payout), sides.approve(payout, actor=ABE)) == (
            "done",
            "wrong_status",
        )

        assert (desk.status(payout), desk.balance("AFF1")) == ("approved", RESERVED_25)
        assert desk.column("SELECT actor FROM approval") == ["user:ada"]
        assert (desk.scalar("SELECT version FROM payout"), acts(desk, "payout.approved")) == (2, 1)

    def test_two_approvals_of_what_needs_two_both_count(self, desk: Desk, database: str) -> None:
        desk.funded("AFF1", "5000.00")
        payout = desk.request("AFF1", "2000.00")

        assert meet(database, sides.approve(payout), sides.approve(payout, actor=ABE)) == ("waiting", "done")

        assert desk.status(payout) == "approved"

    def test_one_persons_double_click_is_one_approval_of_two(self, desk: Desk, database: str) -> None:
        desk.funded("AFF1", "5000.00")
        payout = desk.request("AFF1", "2000.00")

        assert meet(database, sides.approve(payout), sides.approve(payout)) == ("waiting", "already_approved")

        assert desk.status(payout) == "pending"
        assert desk.column("SELECT actor FROM approval") == ["user:ada"]

    @pytest.mark.parametrize(
        ("both", "answers", "left"),
        [
            ((sides.approve, sides.reject), ("done", "wrong_status"), ("approved", RESERVED_25)),
            ((sides.reject, sides.approve), ("done", "wrong_status"), ("rejected", WHOLE)),
            ((sides.approve, sides.cancel), ("done", "done"), ("cancelled", WHOLE)),
            ((sides.cancel, sides.approve), ("done", "wrong_status"), ("cancelled", WHOLE)),
            ((sides.reject, sides.cancel), ("done", "wrong_status"), ("rejected", WHOLE)),
            ((sides.cancel, sides.cancel), ("done", "wrong_status"), ("cancelled", WHOLE)),
        ],
    )
    def test_the_second_decides_on_what_the_first_left(
        self,
        desk: Desk,
        database: str,
        both: tuple[Callable[[int], Side], Callable[[int], Side]],
        answers: tuple[str, str],
        left: tuple[str, Balance],
    ) -> None:
        payout = pending(desk)
        assert desk.balance("AFF1") == RESERVED_25

        assert meet(database, both[0](payout), both[1](payout)) == answers

        assert (desk.status(payout), desk.balance("AFF1")) == left


def daily(desk: Desk) -> int:
    """A partner with 100.00 available and a payout due every day; returns the earning's id."""
    desk.funded("AFF1", "100.00")
    desk.own_terms("AFF1", schedule={"kind": "daily"})
    earning = desk.scalar("SELECT id FROM earning")
    assert isinstance(earning, int)
    return earning


class TestOneBalanceWantedTwice:
    def test_two_requests_for_the_same_money_make_one_payout(self, desk: Desk, database: str) -> None:
        desk.funded("AFF1", "100.00")

        answers = meet(database, sides.request("AFF1", "60.00"), sides.request("AFF1", "60.00"))

        assert answers == ("asked", "over_balance")
        assert desk.balance("AFF1") == Balance(0, 40_00, 60_00, 0, 0)

    def test_two_requests_of_a_creator_leave_one_open(self, desk: Desk, database: str) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "100.00", ref="b1", program="creator", kind="booking", at=NOW - 9 * DAY)
        desk.release()

        answers = meet(database, sides.request("CR1", "10.00"), sides.request("CR1", "10.00"))

        assert answers == ("asked", "request_open")
        assert desk.balance("CR1") == Balance(0, 80_00, 10_00, 0, 0)

    def test_a_request_before_the_queue_leaves_it_the_rest(self, desk: Desk, database: str) -> None:
        daily(desk)

        assert meet(database, sides.request("AFF1", "60.00"), sides.queue(run_id=1)) == ("asked", "1 queued")

        assert desk.column("SELECT amount_minor FROM payout ORDER BY id") == [60_00, 40_00]
        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_a_request_after_the_queue_finds_nothing_left(self, desk: Desk, database: str) -> None:
        daily(desk)

        answers = meet(database, sides.queue(run_id=1), sides.request("AFF1", "60.00"))

        assert answers == ("1 queued", "over_balance")
        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_two_queue_runs_make_one_payout(self, desk: Desk, database: str) -> None:
        daily(desk)

        assert meet(database, sides.queue(run_id=1), sides.queue(run_id=2)) == ("1 queued", "0 queued")

        assert desk.column("SELECT amount_minor FROM payout") == [100_00]
        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_a_hold_before_the_queue_is_its_reason_to_skip(self, desk: Desk, database: str) -> None:
        daily(desk)

        assert meet(database, sides.hold("AFF1"), sides.queue(run_id=1)) == ("held", "0 queued, on_hold")

        assert desk.balance("AFF1") == WHOLE

    def test_a_hold_after_the_queue_blocks_what_was_queued(self, desk: Desk, database: str) -> None:
        daily(desk)

        assert meet(database, sides.queue(run_id=1), sides.hold("AFF1")) == ("1 queued", "held")

        (payout,) = desk.column("SELECT id FROM payout")
        assert isinstance(payout, int)
        assert [one.code for one in desk.approve(payout).refused] == ["on_hold"]
        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_a_hold_on_an_earning_before_the_queue_keeps_its_money_out(
        self, desk: Desk, database: str
    ) -> None:
        earning = daily(desk)

        answers = meet(database, sides.hold("AFF1", earning_id=earning), sides.queue(run_id=1))

        assert answers == ("held", "0 queued, nothing_available")
        assert desk.balance("AFF1") == Balance(100_00, 0, 0, 0, 0)

    def test_a_cancel_gives_its_money_to_the_request_that_waited(self, desk: Desk, database: str) -> None:
        payout = pending(desk, amount="90.00")

        assert meet(database, sides.cancel(payout), sides.request("AFF1", "100.00")) == ("done", "asked")

        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)


class TestRelease:
    @pytest.fixture(autouse=True)
    def creator(self, desk: Desk) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "100.00", ref="b1", program="creator", kind="booking", at=NOW - 9 * DAY)
        assert desk.balance("CR1") == Balance(90_00, 0, 0, 0, 0)

    def late_sale(self, desk: Desk) -> Side:
        return sides.as_desk(
            desk,
            lambda other: other.sale(
                "CR1", "50.00", ref="b2", program="creator", kind="booking", at=NOW - 8 * DAY
            ),
        )

    def test_a_sale_behind_the_mark_that_waited_for_the_run_is_available_at_once(
        self, desk: Desk, database: str
    ) -> None:
        assert meet(database, sides.release, self.late_sale(desk)) == ("1 released", "taken in")

        assert desk.balance("CR1") == Balance(0, 135_00, 0, 0, 0)

    def test_a_sale_before_the_run_is_released_by_it(self, desk: Desk, database: str) -> None:
        assert meet(database, self.late_sale(desk), sides.release) == ("taken in", "2 released")

        assert desk.balance("CR1") == Balance(0, 135_00, 0, 0, 0)

    def test_two_runs_release_once(self, desk: Desk, database: str) -> None:
        assert meet(database, sides.release, sides.release) == ("1 released", "0 released")

        assert desk.balance("CR1") == Balance(0, 90_00, 0, 0, 0)
        assert desk.column("SELECT amount_minor FROM ledger_transfer WHERE kind = 'release'") == [90_00]

    @pytest.mark.parametrize("hold_first", [True, False])
    def test_a_hold_and_the_run_leave_the_money_held_in_either_order(
        self, desk: Desk, database: str, *, hold_first: bool
    ) -> None:
        earning = desk.scalar("SELECT id FROM earning")
        assert isinstance(earning, int)
        hold = sides.hold("CR1", earning_id=earning)

        if hold_first:
            assert meet(database, hold, sides.release) == ("held", "0 released")
        else:
            assert meet(database, sides.release, hold) == ("1 released", "held")

        assert desk.balance("CR1") == Balance(90_00, 0, 0, 0, 0)


class TestBatches:
    def batch(self, desk: Desk, payouts: list[int], *, actor: Actor) -> int:
        with desk.engine.begin() as conn:
            return fix_batch(conn, payouts, filter_query={}, actor=actor, now=NOW)

    def test_two_batches_over_the_same_payouts_approve_each_once(self, desk: Desk, database: str) -> None:
        payouts = [pending(desk, code) for code in ("AFF1", "AFF2")]
        one, two = self.batch(desk, payouts, actor=ADA), self.batch(desk, payouts[::-1], actor=ABE)
        totals = {"USD": 2 * 24_75}

        answers = meet(
            database, sides.approve_batch(one, totals), sides.approve_batch(two, totals, actor=ABE)
        )

        assert answers == ("done", "changed_since")
        assert desk.column("SELECT batch_id FROM payout") == [one, one]
        assert desk.column("SELECT DISTINCT actor FROM approval") == ["user:ada"]
        assert (
            desk.scalar("SELECT jsonb_array_length(outcome -> 'refused') FROM batch WHERE id = :b", b=two)
            == 2
        )

    def test_one_batch_is_decided_by_one_of_two_people(self, desk: Desk, database: str) -> None:
        payout = pending(desk)
        batch, totals = self.batch(desk, [payout], actor=ADA), {"USD": 24_75}

        answers = meet(
            database,
            sides.approve_batch(batch, totals),
            sides.approve_batch(batch, totals, actor=ABE),
            at="batch",
        )

        assert answers == ("done", "batch_decided")
        assert desk.column("SELECT decided_by FROM batch") == ["user:ada"]
        assert acts(desk, "batch.decided") == 1

    def test_a_batch_and_a_reject_of_one_of_it_leave_that_one_out_by_name(
        self, desk: Desk, database: str
    ) -> None:
        gone, kept = pending(desk, "AFF1"), pending(desk, "AFF2")
        batch = self.batch(desk, [gone, kept], actor=ADA)

        answers = meet(
            database, sides.reject(gone, actor=ABE), sides.approve_batch(batch, {"USD": 2 * 24_75})
        )

        assert answers == ("done", "changed_since")
        assert (desk.status(gone), desk.status(kept)) == ("rejected", "approved")
