"""Taking: payouts of whole earnings to the exact cent, and giving the money back as if nothing had been."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.decisions import Decision, Wanted
from core.drafting import OverBalance
from core.ending import cancel_payouts, reject_payouts
from core.holds import place_hold
from tests.core.giving import earn
from tests.desk import ADA, DAY, HOUR, MIA, NOW, Balance, Desk

number = count(1)


class Item(NamedTuple):
    """One earning of a payout, or one that is open."""

    kind: str
    source_ref: str
    amount_minor: int


@pytest.fixture
def partner(desk: Desk) -> str:
    """A partner whose method costs nothing, behind a release mark of now."""
    desk.release()
    return desk.partner(method="manual", account=None)


def items(desk: Desk, payout: int) -> list[Item]:
    query = text("""SELECT e.kind, e.source_ref, i.amount_minor FROM payout_item i JOIN earning e ON e.id = i.earning_id
                     WHERE i.payout_id = :payout ORDER BY e.id""")
    with desk.engine.connect() as conn:
        return [Item(*row) for row in conn.execute(query, {"payout": payout})]


def open_items(desk: Desk) -> list[tuple[str, int]]:
    query = text(
        "SELECT e.kind, o.amount_minor FROM open_item o JOIN earning e ON e.id = o.earning_id ORDER BY e.id"
    )
    with desk.engine.connect() as conn:
        return [(row.kind, row.amount_minor) for row in conn.execute(query)]


def cancel(desk: Desk, *payouts: int) -> Decision:
    wanted = [Wanted(id=payout) for payout in payouts]
    return desk.decide(lambda conn: cancel_payouts(conn, wanted, actor=ADA, now=NOW, reason="not now"))


class TestTake:
    def test_splits_the_last_earning_by_a_pair_that_sums_to_nothing(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 30_00, 40_00)

        payout = desk.request(partner, "50.00")

        assert [(one.kind, one.amount_minor) for one in items(desk, payout)] == [
            ("manual", 30_00),
            ("manual", 40_00),
            ("carry_out", -20_00),
        ]
        assert open_items(desk) == [("carry_in", 20_00)]
        assert desk.balance(partner) == Balance(0, 20_00, 50_00, 0, 0)
        assert desk.faults() == []

    def test_leaves_whole_earnings_whole_where_they_fit(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 30_00, 40_00)

        payout = desk.request(partner, "30.00")

        assert [one.amount_minor for one in items(desk, payout)] == [30_00]
        assert open_items(desk) == [("manual", 40_00)]

    def test_takes_all_negatives_first_then_the_oldest(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 20_00, -5_00, at=NOW - HOUR)
        earn(desk, partner, 40_00, 10_00, -7_00, at=NOW - 30 * DAY)

        payout = desk.request(partner, "38.00")

        assert sorted(one.amount_minor for one in items(desk, payout)) == [-7_00, -5_00, 10_00, 40_00]
        assert open_items(desk) == [("manual", 20_00)]
        assert desk.balance(partner) == Balance(0, 20_00, 38_00, 0, 0)
        assert desk.faults() == []

    def test_leaves_what_is_held_alone(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 40_00)
        earn(desk, partner, 30_00, at=NOW + DAY)

        with pytest.raises(OverBalance):
            desk.request(partner, "40.01")
        desk.request(partner, "40.00")

        assert desk.balance(partner) == Balance(30_00, 0, 40_00, 0, 0)

    def test_parts_the_gross_of_a_split_earning_in_proportion(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 90_00, gross_minor=100_00)

        desk.request(partner, "30.00")

        carried = "SELECT gross_minor FROM earning WHERE kind = :kind"
        assert desk.column(carried, kind="carry_in") == [66_67]
        assert desk.column(carried, kind="carry_out") == [-66_67]

    def test_keeps_the_dates_of_the_split_earning(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 90_00)

        desk.request(partner, "30.00")

        assert len(set(desk.column("SELECT (occurred_at, release_at)::text FROM earning"))) == 1
        assert set(desk.column("SELECT release_at FROM open_item")) == {NOW - DAY}


class TestGivingBack:
    def test_closes_the_pair_so_that_the_earning_is_whole_again(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 90_00)
        payout = desk.request(partner, "30.00")

        assert cancel(desk, payout).done == [payout]

        assert open_items(desk) == [("manual", 90_00)]
        assert desk.balance(partner) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_by_rejection_does_the_same(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 90_00)
        payout = desk.request(partner, "30.00")

        desk.decide(
            lambda conn: reject_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="wrong")
        )

        assert open_items(desk) == [("manual", 90_00)]
        assert desk.balance(partner) == Balance(0, 90_00, 0, 0, 0)

    def test_keeps_the_pair_open_when_its_carry_in_is_already_spent(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 30_00, 40_00)
        first = desk.request(partner, "50.00")
        second = desk.request(partner, "20.00")
        assert [one.kind for one in items(desk, second)] == ["carry_in"]

        cancel(desk, first)

        assert open_items(desk) == [("manual", 30_00), ("manual", 40_00), ("carry_out", -20_00)]
        assert desk.balance(partner) == Balance(0, 50_00, 20_00, 0, 0)
        assert desk.faults() == []
        third = desk.request(partner, "50.00")
        assert open_items(desk) == []
        assert sum(one.amount_minor for one in items(desk, third)) == 50_00
        assert desk.balance(partner) == Balance(0, 0, 70_00, 0, 0)
        assert desk.faults() == []

    def test_in_any_order_brings_everything_back(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 100_00)
        payouts = [desk.request(partner, amount) for amount in ("10.00", "20.00", "30.00")]

        for payout, available in zip(payouts, (50_00, 70_00, 100_00), strict=True):
            cancel(desk, payout)
            assert desk.balance(partner).available == available
            assert desk.faults() == []

        assert desk.balance(partner) == Balance(0, 100_00, 0, 0, 0)

    def test_of_two_at_once_brings_both_back(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 100_00)
        payouts = [desk.request(partner, "10.00"), desk.request(partner, "90.00")]

        assert cancel(desk, *payouts).done == payouts

        assert desk.balance(partner) == Balance(0, 100_00, 0, 0, 0)
        assert desk.faults() == []

    def test_ten_times_over_leaves_no_litter(self, desk: Desk, partner: str) -> None:
        earn(desk, partner, 90_00)

        for _ in range(10):
            cancel(desk, desk.request(partner, "30.00"))

        assert open_items(desk) == [("manual", 90_00)]
        assert desk.balance(partner) == Balance(0, 90_00, 0, 0, 0)
        assert desk.faults() == []

    def test_closes_the_pair_of_a_payout_pulled_back_by_a_hold_on_what_was_left_of_its_earning(
        self, desk: Desk, partner: str
    ) -> None:
        earn(desk, partner, 90_00)
        payout = desk.request(partner, "30.00")
        find = "SELECT {} FROM earning WHERE kind = 'carry_in'"
        earning_id, partner_id = (desk.scalar(find.format(column)) for column in ("id", "partner_id"))
        assert isinstance(earning_id, int)
        assert isinstance(partner_id, int)
        assert desk.balance(partner) == Balance(0, 60_00, 30_00, 0, 0)

        desk.decide(
            lambda conn: place_hold(conn, partner_id, "review", earning_id=earning_id, actor=MIA, now=NOW)
        )

        assert desk.status(payout) == "cancelled"
        assert desk.balance(partner) == Balance(90_00, 0, 0, 0, 0)
        assert desk.faults() == []


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 300_00)),
        st.tuples(st.just("earn"), st.integers(-80_00, -1)),
        st.tuples(st.just("request"), st.integers(1, 100)),  # per cent of what is available
        st.tuples(st.just("cancel"), st.integers(0, 9)),
    ),
    min_size=3,
    max_size=14,
)


@settings(
    max_examples=20,
    derandomize=True,
    # Each example has a partner of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_any_run_of_earnings_requests_and_cancellations_keeps_every_cent_and_every_law(
    desk: Desk, steps: Sequence[Step]
) -> None:
    desk.release()
    code = desk.partner(f"AFF{next(number)}", method="manual", account=None)
    available, live = 0, dict[int, int]()
    for what, figure in steps:
        if what == "earn":
            earn(desk, code, figure)
            available += figure
        elif what == "request" and (amount := available * figure // 100) > 0:
            payout = desk.request(code, f"{amount // 100}.{amount % 100:02}")
            assert sum(one.amount_minor for one in items(desk, payout)) == amount
            live[payout] = amount
            available -= amount
        elif what == "cancel" and live:
            payout = sorted(live)[figure % len(live)]
            assert cancel(desk, payout).done == [payout]
            available += live.pop(payout)
        assert desk.balance(code) == Balance(0, available, sum(live.values()), 0, 0)
    assert desk.faults() == []
