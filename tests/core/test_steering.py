from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core.access import Actor
from core.decisions import Decision, NoReason, NothingWhole, Wanted, approve_payouts
from core.steering import (
    NotAhead,
    bring_back,
    process_payouts,
    retry_payouts,
    set_aside,
    set_priority,
    take_back_payouts,
)
from tests import builders as b
from tests.core.deciding import bring_to
from tests.db.law import broken_rule, state
from tests.desk import ABE, ADA, DAY, HOST, MIA, NOW, OLA, VIC, Balance, Desk, Rail, declined

TOMORROW = (b.NOW + b.DAY).date()
Steer = Callable[[Connection, list[Wanted], Actor], Decision]

STEERS: dict[str, tuple[Steer, str]] = {  # each with a status it takes
    "take back": (lambda conn, w, a: take_back_payouts(conn, w, actor=a, now=b.NOW), "approved"),
    "retry": (lambda conn, w, a: retry_payouts(conn, w, actor=a, now=b.NOW), "retrying"),
    "process": (lambda conn, w, a: process_payouts(conn, w, actor=a, now=b.NOW), "approved"),
    "order": (lambda conn, w, a: set_priority(conn, w, priority="urgent", actor=a, now=b.NOW), "pending"),
    "set aside": (
        lambda conn, w, a: set_aside(conn, w, until=TOMORROW, reason="ask Ana", actor=a, now=b.NOW),
        "pending",
    ),
    "bring back": (lambda conn, w, a: bring_back(conn, w, actor=a, now=b.NOW), "pending"),
}
# Every status a payout may be in when it cannot be steered like that.
ELSEWHERE = {
    "take back": ["pending", "processing", "retrying", "paid", "rejected", "cancelled"],
    "retry": ["pending", "approved", "processing", "paid", "rejected", "cancelled"],
    "process": ["pending", "processing", "paid", "rejected", "cancelled"],
    "order": ["processing", "paid", "rejected", "cancelled"],
    "set aside": ["approved", "processing", "retrying", "paid", "rejected", "cancelled"],
    "bring back": ["approved", "processing", "retrying", "paid", "rejected", "cancelled"],
}


@pytest.fixture
def payout(conn: Connection) -> int:
    ana = b.partner(conn, b.program(conn))
    return b.payout(conn, ana, [b.earning(conn, ana, 100_00)])


def refusal(conn: Connection, steer: Steer, wanted: Wanted, *, actor: Actor = ADA) -> str:
    before = state(conn)
    decision = steer(conn, [wanted], actor)
    assert (decision.done, state(conn)) == ([], before)
    (refused,) = decision.refused
    return refused.code


@pytest.mark.parametrize("name", STEERS)
class TestEverySteering:
    def test_is_refused_to_whoever_lacks_the_role(self, conn: Connection, payout: int, name: str) -> None:
        steer, status = STEERS[name]
        bring_to(conn, payout, status)

        for actor in [VIC, HOST, *([OLA, MIA] if name == "take back" else [])]:
            assert refusal(conn, steer, Wanted(id=payout), actor=actor) == "not_allowed"

    def test_is_refused_on_an_unknown_or_changed_payout(
        self, conn: Connection, payout: int, name: str
    ) -> None:
        steer, status = STEERS[name]
        bring_to(conn, payout, status)

        assert refusal(conn, steer, Wanted(id=10**9)) == "unknown_payout"
        assert refusal(conn, steer, Wanted(id=payout, version=99)) == "changed_since"

    def test_is_refused_from_any_other_status(self, conn: Connection, payout: int, name: str) -> None:
        for status in ELSEWHERE[name]:
            with conn.begin_nested() as savepoint:
                bring_to(conn, payout, status)
                assert refusal(conn, STEERS[name][0], Wanted(id=payout)) == "wrong_status"
                savepoint.rollback()

    def test_is_refused_on_what_failed_for_good(self, conn: Connection, payout: int, name: str) -> None:
        bring_to(conn, payout, "failed")

        assert refusal(conn, STEERS[name][0], Wanted(id=payout)) == "final"

    def test_makes_nobody_a_maker_and_moves_no_money(self, conn: Connection, payout: int, name: str) -> None:
        steer, status = STEERS[name]
        bring_to(conn, payout, status)
        money = text("SELECT md5(string_agg(l::text, '|' ORDER BY id)) FROM ledger_transfer l")
        before = conn.execute(money).scalar()

        steer(conn, [Wanted(id=payout)], ADA)

        assert conn.execute(money).scalar() == before
        makers = text("SELECT 'user:ada' IN (SELECT payout_makers(:id))")
        assert conn.execute(makers, {"id": payout}).scalar() is False


def column(conn: Connection, payout: int, name: str) -> object:
    return conn.execute(text(f"SELECT {name} FROM payout WHERE id = :id"), {"id": payout}).scalar()  # noqa: S608 - below


class TestProcessPayouts:
    @pytest.mark.parametrize(
        ("before", "after"), [("low", "high"), ("normal", "high"), ("high", "high"), ("urgent", "urgent")]
    )
    def test_sends_first_and_never_lowers(
        self, conn: Connection, payout: int, before: str, after: str
    ) -> None:
        b.set_status(conn, payout, "pending", priority=before)
        b.approve(conn, payout)

        assert process_payouts(conn, [Wanted(id=payout)], actor=OLA, now=b.NOW).done == [payout]

        assert (column(conn, payout, "priority"), column(conn, payout, "retry_at")) == (after, None)

    def test_makes_a_retrying_payout_due(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.send(Rail(declined("daily_transfer_limit")))
        assert desk.send(Rail()).count == 0

        desk.decide(lambda conn: process_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))

        assert desk.send(Rail()).count == 1
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)


class TestRetryPayouts:
    def test_spends_the_ladder_and_does_not_lengthen_it(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail(*[declined("daily_transfer_limit")] * 4)

        for _ in range(4):
            desk.send(rail)
            desk.decide(lambda conn: retry_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))

        assert (desk.status(payout), len(rail.sent)) == ("failed", 4)
        assert desk.faults() == []


class TestSetPriority:
    @pytest.mark.parametrize("priority", ["low", "normal", "high", "urgent"])
    def test_keeps_the_one_that_was_chosen(self, conn: Connection, payout: int, priority: str) -> None:
        set_priority(conn, [Wanted(id=payout)], priority=priority, actor=OLA, now=b.NOW)

        assert column(conn, payout, "priority") == priority

    def test_knows_no_other(self, conn: Connection, payout: int) -> None:
        with pytest.raises(IntegrityError) as refused, conn.begin_nested():
            set_priority(conn, [Wanted(id=payout)], priority="asap", actor=OLA, now=b.NOW)

        assert broken_rule(refused.value) == "declared_priority"


class TestSetAside:
    def test_keeps_reason_day_and_person_until_it_is_brought_back(
        self, conn: Connection, payout: int
    ) -> None:
        set_aside(conn, [Wanted(id=payout)], until=TOMORROW, reason=" ask Ana ", actor=OLA, now=b.NOW)
        aside = "aside_until || ', ' || aside_reason || ', ' || aside_by"
        assert column(conn, payout, aside) == f"{TOMORROW}, ask Ana, user:ola"

        assert bring_back(conn, [Wanted(id=payout)], actor=MIA, now=b.NOW).done == [payout]

        assert column(conn, payout, aside) is None
        assert approve_payouts(conn, [Wanted(id=payout)], actor=ADA, now=b.NOW).done == [payout]

    def test_needs_a_reason_and_a_day_ahead(self, conn: Connection, payout: int) -> None:
        before = state(conn)
        wanted = [Wanted(id=payout)]

        with pytest.raises(NoReason):
            set_aside(conn, wanted, until=TOMORROW, reason=" ", actor=OLA, now=b.NOW)
        for days in (0, 1):
            day = (b.NOW - timedelta(days=days)).date()
            with pytest.raises(NotAhead):
                set_aside(conn, wanted, until=day, reason="x", actor=OLA, now=b.NOW)

        assert state(conn) == before


class TestTakeBackPayouts:
    def test_leaves_the_money_reserved_and_the_payout_to_a_new_review(self, desk: Desk) -> None:
        payout = desk.approved()
        reserved = desk.balance("AFF1")

        desk.decide(lambda conn: take_back_payouts(conn, [Wanted(id=payout)], actor=ABE, now=NOW))

        assert (desk.status(payout), desk.balance("AFF1")) == ("pending", reserved)
        assert desk.scalar("SELECT decided_at FROM payout") is None
        assert desk.send(Rail(), NOW + DAY).count == 0
        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 1") == ["payout.taken_back"]
        assert desk.approve(payout).done == [payout]
        assert desk.faults() == []

    def test_as_a_whole_changes_nothing_for_one_that_has_left(self, desk: Desk) -> None:
        left = desk.approved("AFF1")
        desk.send(Rail())
        here = desk.approved("AFF2")
        both = [Wanted(id=left), Wanted(id=here)]

        with pytest.raises(NothingWhole):
            desk.decide(lambda conn: take_back_payouts(conn, both, actor=ADA, now=NOW, whole=True))

        assert (desk.status(left), desk.status(here)) == ("paid", "approved")
