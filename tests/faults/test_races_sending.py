"""The sender against people, other workers and its own late ones, in both orders: every payout is paid once or not."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from core.claiming import claim_payout, take_up
from core.providers import Declined, Succeeded, Unknown
from core.sending import send_one
from tests.desk import DAY, NOW, SILENCE, Balance, Desk, Rail, declined
from tests.faults import sides
from tests.faults.racing import Side, meet

WHOLE, RESERVED_25 = Balance(0, 100_00, 0, 0, 0), Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


class TestTheSenderAndAPerson:
    @pytest.mark.parametrize("stop", [sides.cancel, sides.take_back])
    def test_what_is_being_claimed_is_cancelled_and_taken_back_no_more(
        self, desk: Desk, database: str, stop: Callable[[int], Side]
    ) -> None:
        payout = desk.approved()

        assert meet(database, sides.claim(payout), stop(payout)) == ("claimed", "wrong_status")

        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)

    @pytest.mark.parametrize(
        ("stop", "status", "balance"),
        [(sides.cancel, "cancelled", WHOLE), (sides.take_back, "pending", RESERVED_25)],
    )
    def test_what_is_being_stopped_is_passed_over_without_waiting(
        self, desk: Desk, database: str, stop: Callable[[int], Side], status: str, balance: Balance
    ) -> None:
        payout = desk.approved()

        assert meet(database, stop(payout), sides.claim(payout), at=None) == ("done", "passed over")

        assert desk.send(Rail()).count == 0
        assert (desk.status(payout), desk.balance("AFF1")) == (status, balance)
        assert desk.scalar("SELECT count(*) FROM attempt") == 0

    def test_a_second_claim_passes_over_what_the_first_holds(self, desk: Desk, database: str) -> None:
        payout = desk.approved()

        assert meet(database, sides.claim(payout), sides.claim(payout), at=None) == ("claimed", "passed over")

        assert desk.column("SELECT n FROM attempt") == [1]

    def test_a_hold_on_the_partner_that_wins_keeps_the_payout_here(self, desk: Desk, database: str) -> None:
        payout = desk.approved()

        assert meet(database, sides.hold("AFF1"), sides.claim(payout), at=None) == ("held", "passed over")

        assert desk.send(Rail()).count == 0
        assert (desk.status(payout), desk.balance("AFF1")) == ("approved", RESERVED_25)

    @pytest.mark.parametrize("on_earning", [False, True])
    def test_a_hold_that_comes_after_the_claim_is_kept_and_the_payout_leaves(
        self, desk: Desk, database: str, *, on_earning: bool
    ) -> None:
        payout = desk.approved("AFF1", "25.00")
        earning = desk.scalar("SELECT min(earning_id) FROM payout_item") if on_earning else None
        assert earning is None or isinstance(earning, int)

        answers = meet(database, sides.claim(payout), sides.hold("AFF1", earning_id=earning))

        assert answers == ("claimed", "held")
        # What is under way leaves; what is left of a held earning it was split from stays.
        left = Balance(75_00, 0, 25_00, 0, 0) if on_earning else RESERVED_25
        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", left)
        assert desk.scalar("SELECT count(*) > 0 FROM hold WHERE closed_at IS NULL") is True

    def test_a_hold_on_an_earning_that_wins_pulls_the_payout_back(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        earning = desk.scalar("SELECT min(earning_id) FROM payout_item")
        assert isinstance(earning, int)

        answers = meet(database, sides.hold("AFF1", earning_id=earning), sides.claim(payout), at=None)

        assert answers == ("held", "passed over")
        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", Balance(100_00, 0, 0, 0, 0))

    def test_a_changed_destination_that_wins_pulls_the_payout_back(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        move = sides.as_desk(desk, lambda other: other.partner("AFF1", account="acct_2"))

        assert meet(database, move, sides.claim(payout), at=None) == ("taken in", "passed over")

        rail = Rail()
        desk.send(rail)
        assert (desk.status(payout), desk.balance("AFF1"), rail.sent) == ("cancelled", WHOLE, [])
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_changed"]

    def test_a_changed_destination_after_the_claim_leaves_what_was_approved_to_where_it_was_approved(
        self, desk: Desk, database: str
    ) -> None:
        payout = desk.approved()
        move = sides.as_desk(desk, lambda other: other.partner("AFF1", account="acct_2"))

        assert meet(database, sides.claim(payout), move) == ("claimed", "taken in")

        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)
        assert desk.column("SELECT params ->> 'destination' FROM attempt") == ["acct_1"]
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_changed"]


class TestTwoWorkersAndOneAttempt:
    ANSWERS = (
        Succeeded(provider_ref="tr_1"),
        declined("invalid_bank_account"),
        declined("network_timeout"),
        SILENCE,
    )

    @pytest.mark.parametrize("woken", ANSWERS)
    def test_only_who_holds_the_lease_writes_whoever_comes_first(
        self, desk: Desk, database: str, woken: Succeeded | Declined | Unknown
    ) -> None:
        for code, late_first in (("AFF1", True), ("AFF2", False)):
            payout = desk.approved(code)
            with desk.engine.begin() as conn:
                asleep = claim_payout(conn, payout, Rail(), now=NOW)
                conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp()"))
                (taken_over,) = take_up(conn, Rail(), now=NOW)
            assert asleep is not None
            late = sides.record(asleep.order, woken, lease_epoch=asleep.lease_epoch)
            paid = Succeeded(provider_ref=f"tr_{payout}")
            rightful = sides.record(taken_over.order, paid, lease_epoch=taken_over.lease_epoch)

            if late_first:
                assert meet(database, late, rightful) == ("too late", "written")
            else:
                assert meet(database, rightful, late) == ("written", "too late")

            assert desk.status(payout) == "paid"
            assert desk.balance(code) == Balance(0, 75_00, 0, 24_75, 25)
        assert desk.scalar("SELECT count(*) FROM attempt_call") == 4

    @pytest.mark.parametrize("again", ANSWERS)
    def test_one_lease_writes_one_outcome(
        self, desk: Desk, database: str, again: Succeeded | Declined | Unknown
    ) -> None:
        payout = desk.approved()
        with desk.engine.begin() as conn:
            claimed = claim_payout(conn, payout, Rail(), now=NOW)
        assert claimed is not None
        first = sides.record(claimed.order, Succeeded(provider_ref="tr_1"), lease_epoch=1)

        answers = meet(database, first, sides.record(claimed.order, again, lease_epoch=1))

        assert answers == ("written", "too late")
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    def test_an_outcome_and_a_cancel_end_in_the_outcome(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        with desk.engine.begin() as conn:
            claimed = claim_payout(conn, payout, Rail(), now=NOW)
        assert claimed is not None
        paid = sides.record(claimed.order, Succeeded(provider_ref="tr_1"), lease_epoch=1)

        assert meet(database, paid, sides.cancel(payout)) == ("written", "wrong_status")

        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    def test_a_refusal_for_now_gives_the_cancel_that_waited_its_turn(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        with desk.engine.begin() as conn:
            claimed = claim_payout(conn, payout, Rail(), now=NOW)
        assert claimed is not None
        no = sides.record(claimed.order, declined("network_timeout"), lease_epoch=1)

        assert meet(database, no, sides.cancel(payout)) == ("written", "done")

        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", WHOLE)
        assert desk.send(Rail(), NOW + DAY).count == 0

    def test_two_sends_of_one_key_move_the_money_once(self, desk: Desk, database: str) -> None:
        payout = desk.approved()
        simulator = desk.simulator()
        with desk.engine.begin() as conn:
            claimed = claim_payout(conn, payout, simulator, now=NOW)
        assert claimed is not None
        order = claimed.order

        def send(engine_of: Desk) -> None:
            answer = engine_of.simulator().send(order)
            assert isinstance(answer, Succeeded)

        both = (sides.as_desk(desk, send), sides.as_desk(desk, send))
        assert meet(database, *both, at="pg_advisory_xact_lock") == ("taken in", "taken in")

        assert desk.scalar("SELECT count(*) FROM simulator_transfer") == 1
        send_one(desk.engine, simulator, claimed, now=NOW)
        assert desk.status(payout) == "paid"
