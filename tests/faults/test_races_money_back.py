"""A refund, a dispute or a return meets everything else, in both orders: money goes back once and no cent is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from core.claiming import claim_payout
from core.corrections import correct_earning, reinstate_earning
from core.outcomes import record_outcome
from core.providers import Succeeded
from core.returns import NotPaid, book_return
from tests.core.sending_back import SYNC, correct, earning_of
from tests.desk import DAY, NOW, Balance, Desk, Rail
from tests.faults import sides
from tests.faults.racing import Side, meet

NOTHING = Balance(0, 0, 0, 0, 0)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk) -> Iterator[None]:
    yield
    assert desk.faults() == []


def take_back(earning: int, amount_minor: int, *, event: str = "refund:re_1") -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            corrected = correct_earning(
                conn,
                earning,
                event_ref=event,
                amount_minor=amount_minor,
                reason="refunded",
                actor=SYNC,
                now=NOW,
            )
        return f"{corrected.kind} again" if corrected.again else corrected.kind

    return side


def put_back(event: str = "refund:re_1") -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            corrected = reinstate_earning(conn, event, by_event_ref="won", reason="won", actor=SYNC, now=NOW)
        return f"{corrected.kind} again" if corrected.again else corrected.kind

    return side


def come_back(payout: int, amount_minor: int, *, event: str = "trr_1") -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            returned = book_return(
                conn, payout, amount_minor=amount_minor, event_ref=event, reason="x", actor=SYNC, now=NOW
            )
        return "booked before" if returned.again else "booked"

    return side


@pytest.fixture
def earning(desk: Desk) -> int:
    """100.00 of one sale, available; its partner's method costs nothing."""
    desk.funded("AFF1", method="manual", account=None)  # type: ignore[arg-type]
    return earning_of(desk)


class TestAgainstASend:
    @pytest.fixture
    def payout(self, desk: Desk, earning: int) -> int:
        payout = desk.request("AFF1", "100.00")
        assert desk.approve(payout).done == [payout]
        assert earning
        return payout

    def test_a_claim_that_was_first_makes_it_a_debt(
        self, desk: Desk, database: str, earning: int, payout: int
    ) -> None:
        answers = meet(database, sides.claim(payout), take_back(earning, 100_00))

        assert answers == ("claimed", "clawback")
        assert (desk.status(payout), desk.balance("AFF1")) == (
            "processing",
            Balance(0, -100_00, 100_00, 0, 0),
        )

    def test_a_claim_that_comes_second_finds_nothing_to_send(
        self, desk: Desk, database: str, earning: int, payout: int
    ) -> None:
        answers = meet(database, take_back(earning, 100_00), sides.claim(payout), at=None)

        assert answers == ("void", "passed over")
        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", NOTHING)
        assert desk.scalar("SELECT count(*) FROM attempt") == 0

    @pytest.mark.parametrize("outcome_first", [True, False])
    def test_the_outcome_and_a_debt_do_not_touch_each_other(
        self, desk: Desk, database: str, earning: int, payout: int, *, outcome_first: bool
    ) -> None:
        with desk.engine.begin() as conn:
            claim = claim_payout(conn, payout, Rail(), now=NOW)
        assert claim is not None
        outcome = sides.record(claim.order, Succeeded(provider_ref="tr_1"), lease_epoch=claim.lease_epoch)

        if outcome_first:
            assert meet(database, outcome, take_back(earning, 100_00)) == ("written", "clawback")
        else:
            assert meet(database, take_back(earning, 100_00), outcome) == ("clawback", "written")

        assert (desk.status(payout), desk.balance("AFF1")) == ("paid", Balance(0, -100_00, 0, 100_00, 0))

    @pytest.mark.parametrize("first", ["approve", "take back"])
    def test_an_approval_is_void_either_way(
        self, desk: Desk, database: str, earning: int, *, first: str
    ) -> None:
        payout = desk.request("AFF1", "100.00")

        if first == "approve":
            answers = meet(database, sides.approve(payout), take_back(earning, 100_00))
            assert answers == ("done", "void")
        else:
            answers = meet(database, take_back(earning, 100_00), sides.approve(payout))
            assert answers == ("void", "wrong_status")

        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", NOTHING)

    def test_a_reject_that_was_first_leaves_it_to_be_voided(
        self, desk: Desk, database: str, earning: int
    ) -> None:
        payout = desk.request("AFF1", "60.00")

        assert meet(database, sides.reject(payout), take_back(earning, 100_00)) == ("done", "void")

        assert (desk.status(payout), desk.balance("AFF1")) == ("rejected", NOTHING)


class TestAgainstARelease:
    @pytest.fixture
    def held(self, desk: Desk) -> int:
        """63.00 whose 7 days are over, before the run."""
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking", at=NOW - 9 * DAY)
        assert desk.balance("CR1").held == 63_00
        return earning_of(desk, "b1")

    @pytest.mark.parametrize(
        ("amount_minor", "kind", "left"),
        [(63_00, "void", NOTHING), (3_00, "clawback", Balance(0, 60_00, 0, 0, 0))],
    )
    def test_the_money_moves_once_in_either_order(
        self, desk: Desk, database: str, held: int, *, amount_minor: int, kind: str, left: Balance
    ) -> None:
        assert meet(database, sides.release, take_back(held, amount_minor)) == ("1 released", kind)

        assert desk.balance("CR1") == left

    @pytest.mark.parametrize(
        ("amount_minor", "answers", "left"),
        [
            (63_00, ("void", "0 released"), NOTHING),
            (3_00, ("clawback", "1 released"), Balance(0, 60_00, 0, 0, 0)),
        ],
    )
    def test_the_run_that_waited_releases_what_is_left(
        self,
        desk: Desk,
        database: str,
        held: int,
        *,
        amount_minor: int,
        answers: tuple[str, str],
        left: Balance,
    ) -> None:
        assert meet(database, take_back(held, amount_minor), sides.release) == answers

        assert desk.balance("CR1") == left


class TestAgainstTheQueue:
    @pytest.fixture(autouse=True)
    def daily(self, desk: Desk, earning: int) -> None:
        assert earning
        desk.own_terms("AFF1", schedule={"kind": "daily"})

    def test_what_was_queued_just_now_is_pulled_back(self, desk: Desk, database: str, earning: int) -> None:
        answers = meet(database, sides.queue(run_id=1), take_back(earning, 100_00))

        assert answers == ("1 queued", "void")
        assert desk.column("SELECT status FROM payout") == ["cancelled"]
        assert desk.balance("AFF1") == NOTHING

    def test_what_was_voided_just_now_is_not_queued(self, desk: Desk, database: str, earning: int) -> None:
        answers = meet(database, take_back(earning, 100_00), sides.queue(run_id=1))

        assert answers == ("void", "0 queued")
        assert desk.balance("AFF1") == NOTHING

    def test_a_part_taken_just_now_is_netted(self, desk: Desk, database: str, earning: int) -> None:
        answers = meet(database, take_back(earning, 30_00), sides.queue(run_id=1))

        assert answers == ("clawback", "1 queued")
        assert desk.balance("AFF1") == Balance(0, 0, 70_00, 0, 0)

    def test_a_request_that_waited_finds_what_is_left(self, desk: Desk, database: str, earning: int) -> None:
        answers = meet(database, take_back(earning, 30_00), sides.request("AFF1", "100.00"))

        assert answers == ("clawback", "over_balance")
        assert desk.balance("AFF1") == Balance(0, 70_00, 0, 0, 0)


class TestTheSameEventTwice:
    """The webhook and the poll bring it at the same moment."""

    @pytest.mark.parametrize(("amount_minor", "kind"), [(100_00, "void"), (30_00, "clawback")])
    def test_takes_back_once(
        self, desk: Desk, database: str, earning: int, amount_minor: int, kind: str
    ) -> None:
        side = take_back(earning, amount_minor)

        assert meet(database, side, side) == (kind, f"{kind} again")

        assert desk.balance("AFF1") == Balance(0, 100_00 - amount_minor, 0, 0, 0)

    def test_two_refunds_that_are_too_much_together_leave_one(
        self, desk: Desk, database: str, earning: int
    ) -> None:
        one, two = (take_back(earning, 60_00, event=f"refund:re_{n}") for n in (1, 2))

        assert meet(database, one, two) == ("clawback", "more_than_earned")

        assert desk.balance("AFF1").available == 40_00

    def test_puts_back_once(self, desk: Desk, database: str, earning: int) -> None:
        correct(desk, 100_00, earning=earning)

        assert meet(database, put_back(), put_back()) == ("reinstate", "reinstate again")

        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

    @pytest.mark.parametrize("back_first", [True, False])
    def test_put_back_and_taken_by_another_end_alike(
        self, desk: Desk, database: str, earning: int, *, back_first: bool
    ) -> None:
        correct(desk, 40_00, earning=earning)
        other = take_back(earning, 60_00, event="refund:re_2")

        if back_first:
            assert meet(database, put_back(), other) == ("reinstate", "clawback")
        else:
            assert meet(database, other, put_back()) == ("void", "reinstate")

        assert desk.balance("AFF1") == Balance(0, 40_00, 0, 0, 0)

    def test_of_two_partners_takes_back_of_one(self, desk: Desk, database: str, earning: int) -> None:
        desk.funded("AFF2")
        other = take_back(earning_of(desk, "sale-AFF2"), 100_00)

        answers = meet(database, take_back(earning, 100_00), other, at="earning")

        assert answers == ("void", "taken_elsewhere")
        assert desk.balance("AFF2") == Balance(0, 100_00, 0, 0, 0)


class TestReturns:
    @pytest.fixture
    def paid(self, desk: Desk, earning: int) -> int:
        payout = desk.request("AFF1", "100.00")
        desk.approve(payout)
        desk.send()
        assert (desk.status(payout), earning) == ("paid", earning)
        return payout

    def test_one_event_from_two_connections_is_booked_once(
        self, desk: Desk, database: str, paid: int
    ) -> None:
        side = come_back(paid, 100_00)

        assert meet(database, side, side) == ("booked", "booked before")

        assert (desk.status(paid), desk.balance("AFF1")) == ("reversed", Balance(100_00, 0, 0, 0, 0))

    def test_two_that_are_too_much_together_leave_one(self, desk: Desk, database: str, paid: int) -> None:
        one, two = (come_back(paid, 60_00, event=f"trr_{n}") for n in (1, 2))

        assert meet(database, one, two) == ("booked", "more_than_paid")

        assert desk.balance("AFF1") == Balance(60_00, 0, 0, 40_00, 0)

    @pytest.mark.parametrize("return_first", [True, False])
    def test_a_refund_at_the_same_moment_leaves_both(
        self, desk: Desk, database: str, earning: int, paid: int, *, return_first: bool
    ) -> None:
        back, refund = come_back(paid, 100_00), take_back(earning, 100_00)

        if return_first:
            assert meet(database, back, refund) == ("booked", "clawback")
        else:
            assert meet(database, refund, back) == ("clawback", "booked")

        assert desk.balance("AFF1") == Balance(100_00, -100_00, 0, 0, 0)

    def test_a_return_before_its_own_outcome_is_told_to_come_again(self, desk: Desk, earning: int) -> None:
        payout = desk.request("AFF1", "100.00")
        desk.approve(payout)
        with desk.engine.begin() as conn:
            claim = claim_payout(conn, payout, Rail(), now=NOW)
        assert claim is not None
        assert earning

        with pytest.raises(NotPaid, match="processing"):
            come_back(payout, 100_00)(desk.engine)
        with desk.engine.begin() as conn:
            assert record_outcome(
                conn,
                claim.order,
                Succeeded(provider_ref="tr_1"),
                lease_epoch=claim.lease_epoch,
                what="send",
                duration_ms=1,
                now=NOW,
            )
        assert come_back(payout, 100_00)(desk.engine) == "booked"

        assert desk.balance("AFF1") == Balance(100_00, 0, 0, 0, 0)
