from datetime import timedelta

import pytest

from core import batches
from core.access import Actor, NotAllowed
from core.batches import (
    BatchDecided,
    BatchTooLarge,
    EmptyBatch,
    NotInBatch,
    TotalDiffers,
    decide_batch,
    fix_batch,
    leave_out,
)
from core.decisions import Decision, NoReason, NothingWhole, Refused, Wanted, approve_payouts
from core.ending import reject_payouts
from core.steering import NotAhead, set_priority
from tests.db.law import state
from tests.desk import ABE, ADA, DAY, HOST, MIA, NOW, OLA, VIC, Balance, Desk

TOMORROW = (NOW + DAY).date()
WHOLE, RESERVED_25 = Balance(0, 100_00, 0, 0, 0), Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture
def payouts(desk: Desk) -> list[int]:
    """Three pending payouts of 25.00, 24.75 net, each of its own partner."""
    return [desk.request(desk.funded(code), "25.00") for code in ("AFF1", "AFF2", "AFF3")]


def fix(desk: Desk, payouts: list[int], *, actor: Actor = OLA) -> int:
    return desk.decide(lambda conn: fix_batch(conn, payouts, filter_query={}, actor=actor, now=NOW))


def decide(
    desk: Desk,
    batch: int,
    decision: str = "approve",
    *,
    usd: int = 3 * 24_75,
    actor: Actor = ADA,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    return desk.decide(
        lambda conn: decide_batch(
            conn, batch, decision, totals_minor={"USD": usd}, actor=actor, now=NOW, reason=reason, whole=whole
        )
    )


def out(desk: Desk, batch: int, payout: int, *, actor: Actor = OLA, reason: str = "ask Ana") -> Decision:
    return desk.decide(
        lambda conn: leave_out(conn, batch, payout, reason=reason, until=TOMORROW, actor=actor, now=NOW)
    )


def everything(desk: Desk) -> dict[str, str]:
    with desk.engine.connect() as conn:
        return state(conn)


class TestFixBatch:
    def test_keeps_ids_versions_and_nets_as_they_are_at_that_moment(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        desk.decide(
            lambda conn: set_priority(conn, [Wanted(id=payouts[1])], priority="high", actor=OLA, now=NOW)
        )

        fix(desk, payouts)

        assert desk.column("SELECT payout_id FROM batch_item ORDER BY 1") == payouts
        assert desk.column("SELECT version FROM batch_item ORDER BY payout_id") == [1, 2, 1]
        assert desk.column("SELECT net_minor FROM batch_item") == [24_75] * 3

    def test_takes_in_nothing_that_is_queued_later(self, desk: Desk, payouts: list[int]) -> None:
        batch = fix(desk, payouts)
        later = desk.request(desk.funded("AFF4"), "25.00")

        assert decide(desk, batch).done == payouts

        assert desk.status(later) == "pending"

    def test_refuses_an_empty_set_too_large_a_one_and_whoever_only_looks(
        self, desk: Desk, payouts: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "BATCH_MAX", 2)
        before = everything(desk)

        with pytest.raises(EmptyBatch):
            fix(desk, [])
        with pytest.raises(BatchTooLarge):
            fix(desk, payouts)
        with pytest.raises(NotAllowed):
            fix(desk, payouts, actor=VIC)

        assert everything(desk) == before


class TestDecideBatch:
    def test_approves_each_payout_and_marks_it_with_the_batch(self, desk: Desk, payouts: list[int]) -> None:
        batch = fix(desk, payouts)

        assert decide(desk, batch).done == payouts

        assert [desk.status(payout) for payout in payouts] == ["approved"] * 3
        assert desk.column("SELECT batch_id FROM payout") == [batch] * 3
        assert desk.balance("AFF1") == RESERVED_25
        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 2") == [
            "batch.decided",
            "payout.approved",
        ]
        assert desk.faults() == []

    def test_rejects_each_payout_with_one_reason_and_gives_the_money_back(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        with pytest.raises(NoReason):
            decide(desk, batch, "reject")
        assert desk.balance("AFF1") == RESERVED_25

        assert decide(desk, batch, "reject", reason="wrong month").done == payouts

        assert [desk.balance(code) for code in ("AFF1", "AFF2", "AFF3")] == [WHOLE] * 3
        assert desk.faults() == []

    def test_processes_what_is_approved(self, desk: Desk, payouts: list[int]) -> None:
        desk.approve(*payouts)
        batch = fix(desk, payouts)

        assert decide(desk, batch, "process", actor=OLA).done == payouts

        assert desk.column("SELECT priority FROM payout") == ["high"] * 3

    def test_names_the_payout_that_changed_since_and_decides_the_rest(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        stale = Wanted(id=payouts[1])
        desk.decide(lambda conn: set_priority(conn, [stale], priority="low", actor=OLA, now=NOW))

        answer = decide(desk, batch)

        assert (answer.done, [(one.id, one.code) for one in answer.refused]) == (
            [payouts[0], payouts[2]],
            [(payouts[1], "changed_since")],
        )
        assert [desk.status(payout) for payout in payouts] == ["approved", "pending", "approved"]
        assert desk.scalar("SELECT outcome #>> '{refused,0,code}' FROM batch") == "changed_since"
        assert desk.scalar("SELECT batch_id FROM payout WHERE id = :id", id=payouts[1]) is None

    def test_as_a_whole_changes_nothing_for_one_that_changed_and_stays_undecided(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        gone = [Wanted(id=payouts[1])]
        desk.decide(lambda conn: reject_payouts(conn, gone, actor=ABE, now=NOW, reason="odd"))
        before = everything(desk)

        with pytest.raises(NothingWhole):
            decide(desk, batch, whole=True)

        assert everything(desk) == before
        assert decide(desk, batch).done == [payouts[0], payouts[2]]

    def test_is_refused_whole_at_another_total_than_was_confirmed(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        before = everything(desk)

        with pytest.raises(TotalDiffers, match=r"\$74\.25 now, not the \$74\.24") as refused:
            decide(desk, batch, usd=74_24)

        assert (refused.value.code, everything(desk)) == ("changed_since", before)

    def test_is_decided_once(self, desk: Desk, payouts: list[int]) -> None:
        batch = fix(desk, payouts)
        decide(desk, batch)
        before = everything(desk)

        with pytest.raises(BatchDecided, match="ada"):
            decide(desk, batch, "reject", actor=ABE, reason="on second thought")

        assert everything(desk) == before

    def test_by_a_second_person_completes_what_waits_for_one(self, desk: Desk) -> None:
        payout = desk.request(desk.funded("AFF1", "5000.00"), "2000.00")
        first, second = fix(desk, [payout]), fix(desk, [payout])

        assert decide(desk, first, usd=1999_75).waiting == [payout]
        desk.decide(lambda conn: approve_payouts(conn, [Wanted(id=payout)], actor=ABE, now=NOW))

        assert desk.status(payout) == "approved"
        assert [one.code for one in decide(desk, second, usd=1999_75).refused] == ["changed_since"]

    @pytest.mark.parametrize(
        ("decision", "actors"),
        [("approve", [VIC, OLA, MIA, HOST]), ("reject", [VIC, OLA, MIA, HOST]), ("process", [VIC, HOST])],
    )
    def test_is_refused_to_whoever_lacks_the_role_and_stays_open_for_who_has_it(
        self, desk: Desk, payouts: list[int], decision: str, actors: list[Actor]
    ) -> None:
        if decision == "process":
            desk.approve(*payouts)
        batch = fix(desk, payouts)
        before = everything(desk)

        for actor in actors:
            with pytest.raises(NotAllowed):
                decide(desk, batch, decision, actor=actor, reason="x")

        assert everything(desk) == before
        assert decide(desk, batch, decision, actor=ADA, reason="x").done == payouts

    def test_passes_over_what_the_person_was_told_would_be_refused_and_keeps_why(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        over = [Refused(id=payouts[1], code="on_hold", sentence="The partner is on hold.")]

        answer = desk.decide(
            lambda conn: decide_batch(
                conn, batch, "approve", totals_minor={"USD": 2 * 24_75}, passed_over=over, actor=ADA, now=NOW
            )
        )

        assert (answer.done, answer.refused) == ([payouts[0], payouts[2]], over)
        assert [desk.status(payout) for payout in payouts] == ["approved", "pending", "approved"]

    def test_that_names_no_batch_or_only_what_was_left_out_is_refused(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts[:1])
        out(desk, batch, payouts[0])

        for number in (batch, 10**9):
            with pytest.raises(EmptyBatch):
                decide(desk, number, usd=0)


class TestLeaveOut:
    def test_takes_one_payout_out_of_the_batch_and_of_the_review_until_a_day(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)

        assert out(desk, batch, payouts[1]).done == [payouts[1]]

        assert desk.column("SELECT left_out FROM batch_item ORDER BY payout_id") == [None, "ask Ana", None]
        query = "SELECT aside_until || ' ' || aside_reason || ' ' || aside_by FROM payout WHERE id = :id"
        assert desk.scalar(query, id=payouts[1]) == f"{TOMORROW} ask Ana user:ola"
        with pytest.raises(TotalDiffers):
            decide(desk, batch)
        assert decide(desk, batch, usd=2 * 24_75).done == [payouts[0], payouts[2]]
        assert [one.code for one in desk.approve(payouts[1]).refused] == ["set_aside"]
        assert desk.approve(payouts[1], now=NOW + DAY).done == [payouts[1]]

    def test_is_refused_without_a_reason_a_day_ahead_a_payout_of_the_batch_or_an_open_batch(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch, decided = fix(desk, payouts[:2]), fix(desk, payouts[2:])
        decide(desk, decided, usd=24_75)
        before = everything(desk)

        with pytest.raises(NoReason):
            out(desk, batch, payouts[0], reason=" ")
        with pytest.raises(NotAhead):
            desk.decide(
                lambda conn: leave_out(
                    conn, batch, payouts[0], reason="x", until=NOW.date(), actor=OLA, now=NOW
                )
            )
        with pytest.raises(NotInBatch):
            out(desk, batch, payouts[2])
        with pytest.raises(BatchDecided):
            out(desk, decided, payouts[2])

        assert everything(desk) == before

    def test_is_refused_to_whoever_only_looks_and_changes_nothing(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        before = everything(desk)

        with pytest.raises(NotAllowed):
            out(desk, batch, payouts[0], actor=VIC)

        assert everything(desk) == before
        assert decide(desk, batch).done == payouts

    def test_of_a_payout_that_was_decided_meanwhile_says_so_and_still_leaves_it_out(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        batch = fix(desk, payouts)
        desk.approve(payouts[0], now=NOW + timedelta(seconds=1))

        assert [one.code for one in out(desk, batch, payouts[0]).refused] == ["wrong_status"]

        assert decide(desk, batch, usd=2 * 24_75).done == payouts[1:]
