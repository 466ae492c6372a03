"""Returns: what comes back of a payout is an earning again, under review, and never more than left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.access import NotAllowed
from core.decisions import UnknownPayout
from core.holds import lift_hold
from core.reads.summary import summary
from core.refunds import TakenElsewhere
from core.returns import MoreThanPaid, NotPaid, ReturnNotPositive
from tests.core.sending_back import come_back, correct
from tests.desk import ADA, DAY, MIA, NOW, SILENCE, Balance, Desk, Rail


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk) -> Iterator[None]:
    yield
    assert desk.faults() == []


@pytest.fixture
def payout(desk: Desk) -> int:
    """25.00 of a partner's 100.00, paid: 24.75 arrived and 0.25 was the fee."""
    payout = desk.approved()
    desk.send()
    assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)
    return payout


def lift_all(desk: Desk) -> None:
    for hold_id in desk.column("SELECT id FROM hold WHERE closed_at IS NULL ORDER BY id"):
        desk.decide(lambda c, i=hold_id: lift_hold(c, i, actor=MIA, now=NOW, note="looked at"))  # type: ignore[misc]


def test_what_comes_back_is_an_earning_on_hold_for_review(desk: Desk, payout: int) -> None:
    returned = come_back(desk, payout, 24_75)

    assert (returned.amount_minor, returned.again) == (24_75, False)
    assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)
    assert desk.column(
        "SELECT kind || ' ' || source_ref FROM earning WHERE id = :e", e=returned.earning_id
    ) == ["return trr_1"]
    assert desk.column(
        "SELECT reason || ', ' || note FROM hold WHERE earning_id = :e", e=returned.earning_id
    ) == [f"review, Payout {payout} came back: account closed"]
    moved = desk.column("SELECT kind FROM ledger_transfer WHERE earning_id = :e", e=returned.earning_id)
    assert moved == ["return", "hold"]


def test_it_is_not_paid_out_again_the_same_night(desk: Desk, payout: int) -> None:
    desk.own_terms("AFF1", schedule={"kind": "daily"})
    come_back(desk, payout, 24_75)

    desk.release(NOW + DAY)
    desk.queue(NOW + DAY)

    assert desk.column("SELECT amount_minor FROM payout ORDER BY id") == [25_00, 75_00]
    assert desk.balance("AFF1") == Balance(24_75, 0, 75_00, 0, 25)


def test_once_looked_at_it_may_be_paid_again_by_a_new_payout(desk: Desk, payout: int) -> None:
    come_back(desk, payout, 24_75)
    lift_all(desk)
    assert desk.balance("AFF1") == Balance(0, 99_75, 0, 0, 25)

    second = desk.request("AFF1", "99.75")
    desk.approve(second)
    desk.send()

    assert [desk.status(one) for one in (payout, second)] == ["reversed", "paid"]
    assert desk.balance("AFF1").available == 0


def test_a_payout_is_reversed_when_all_of_its_net_is_back_and_not_before(desk: Desk, payout: int) -> None:
    come_back(desk, payout, 10_00)
    assert desk.status(payout) == "paid"
    come_back(desk, payout, 14_74, event="trr_2")
    assert desk.status(payout) == "paid"
    come_back(desk, payout, 1, event="trr_3")

    assert desk.status(payout) == "reversed"
    assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)
    assert desk.column("SELECT DISTINCT live FROM payout_item WHERE payout_id = :p", p=payout) == [True]
    assert desk.scalar("SELECT count(*) FROM ledger_transfer WHERE kind = 'settle'") == 1


def test_one_event_is_booked_once(desk: Desk, payout: int) -> None:
    first = come_back(desk, payout, 10_00)
    left = desk.balance("AFF1")

    again = come_back(desk, payout, 10_00)

    assert (again.earning_id, again.amount_minor, again.again) == (first.earning_id, 10_00, True)
    assert desk.balance("AFF1") == left
    assert desk.scalar("SELECT count(*) FROM audit WHERE action = 'payout.returned'") == 1
    assert come_back(desk, payout, 14_75, event="trr_2").again is False
    assert come_back(desk, payout, 10_00).again  # also when the payout is reversed by now


def test_two_that_are_alike_are_two(desk: Desk, payout: int) -> None:
    for event in ("trr_1", "trr_2"):
        come_back(desk, payout, 5_00, event=event)

    assert desk.balance("AFF1") == Balance(10_00, 75_00, 0, 14_75, 25)


def test_never_more_than_was_paid(desk: Desk, payout: int) -> None:
    with pytest.raises(MoreThanPaid):
        come_back(desk, payout, 24_76)
    come_back(desk, payout, 20_00)
    with pytest.raises(MoreThanPaid) as refused:
        come_back(desk, payout, 4_76, event="trr_2")
    assert "4.75" in refused.value.sentence
    come_back(desk, payout, 4_75, event="trr_2")
    with pytest.raises(MoreThanPaid):
        come_back(desk, payout, 1, event="trr_3")

    assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)


def test_only_of_a_payout_that_left(desk: Desk) -> None:
    payout = desk.approved()
    with pytest.raises(NotPaid):
        come_back(desk, payout, 1_00)
    desk.send(Rail(SILENCE))
    assert desk.status(payout) == "processing"
    with pytest.raises(NotPaid):
        come_back(desk, payout, 1_00)
    with pytest.raises(UnknownPayout):
        come_back(desk, 0, 1_00)

    assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)


def test_of_an_amount_above_zero_by_who_may(desk: Desk, payout: int) -> None:
    for amount_minor in (0, -1):
        with pytest.raises(ReturnNotPositive):
            come_back(desk, payout, amount_minor)
    with pytest.raises(NotAllowed):
        come_back(desk, payout, 1, actor=ADA)
    assert desk.balance("AFF1").held == 0

    come_back(desk, payout, 1, actor=MIA)

    assert desk.balance("AFF1").held == 1


def test_one_event_comes_back_of_one_payout(desk: Desk, payout: int) -> None:
    other = desk.approved("AFF2")
    desk.send()
    come_back(desk, payout, 10_00)

    with pytest.raises(TakenElsewhere):
        come_back(desk, other, 10_00)

    assert desk.balance("AFF2") == Balance(0, 75_00, 0, 24_75, 25)


def test_a_reversal_that_recovers_a_clawback_meets_it_and_nets_to_nothing(desk: Desk, payout: int) -> None:
    correct(desk, 100_00)
    assert desk.balance("AFF1") == Balance(0, -25_00, 0, 24_75, 25)

    come_back(desk, payout, 24_75)
    lift_all(desk)

    assert desk.balance("AFF1") == Balance(0, -25, 0, 0, 25)  # the fee is what it cost


def test_the_summary_counts_what_came_back_as_not_paid_out(desk: Desk, payout: int) -> None:
    come_back(desk, payout, 10_00)

    with desk.engine.connect() as conn:
        found = summary(conn, "AFF1", now=NOW)
    assert found["total_earnings_minor"] == 100_00
    assert found["total_paid_out_minor"] == 15_00
    assert (found["held_balance_minor"], found["available_balance_minor"]) == (10_00, 75_00)


def test_daily_totals_keep_what_was_paid_and_tell_what_came_back(desk: Desk, payout: int) -> None:
    come_back(desk, payout, 10_00)
    come_back(desk, payout, 14_75, event="trr_2")

    measures = desk.column(
        "SELECT measure || ' ' || sum(amount_minor) FROM daily_total GROUP BY measure ORDER BY measure"
    )
    assert measures == [
        "earned 10000",
        "paid 2500",
        "payout_fee 25",
        "platform_fee 0",
        "returned 2475",
        "revenue 10000",
    ]


def test_what_came_back_can_be_taken_back_when_it_was_never_owed(desk: Desk, payout: int) -> None:
    returned = come_back(desk, payout, 24_75)

    assert correct(desk, 24_75, earning=returned.earning_id, event="manual:1", actor=MIA).kind == "void"

    assert desk.balance("AFF1") == Balance(0, 75_00, 0, 0, 25)
