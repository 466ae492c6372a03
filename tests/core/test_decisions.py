import pytest
from sqlalchemy import Connection, text

from core.access import Actor
from core.decisions import NoReason, NothingWhole, Wanted, approve_payouts
from core.ending import cancel_payouts, reject_payouts
from tests import builders as b
from tests.core.deciding import Decide, bring_to, refusal
from tests.db.law import state
from tests.desk import ADA, DAY, HOST, MIA, NOW, OLA, VIC, Balance, Desk, Rail, declined

ZOE = Actor(name="user:zoe", channel="page", roles=frozenset({"admin"}))
WHOLE, RESERVED_25 = Balance(0, 100_00, 0, 0, 0), Balance(0, 75_00, 25_00, 0, 0)

EACH = pytest.mark.parametrize("decide", [approve_payouts, reject_payouts, cancel_payouts])


@pytest.fixture
def ana(conn: Connection) -> int:
    return b.partner(conn, b.program(conn))


@pytest.fixture
def payout(conn: Connection, ana: int) -> int:
    return b.payout(conn, ana, [b.earning(conn, ana, 100_00)])


class TestEveryDecision:
    @pytest.mark.parametrize(
        ("decide", "actors"),
        [
            (approve_payouts, [VIC, OLA, MIA, ZOE, HOST]),
            (reject_payouts, [VIC, OLA, MIA, ZOE, HOST]),
            (cancel_payouts, [VIC, OLA, ZOE, HOST]),
        ],
    )
    def test_is_refused_to_whoever_lacks_the_role(
        self, conn: Connection, payout: int, decide: Decide, actors: list[Actor]
    ) -> None:
        for actor in actors:
            assert refusal(conn, decide, Wanted(id=payout), actor=actor) == "not_allowed"

    @EACH
    def test_knows_only_payouts_that_exist(self, conn: Connection, decide: Decide) -> None:
        assert refusal(conn, decide, Wanted(id=10**9)) == "unknown_payout"

    @EACH
    def test_is_refused_on_a_screen_that_is_out_of_date(
        self, conn: Connection, payout: int, decide: Decide
    ) -> None:
        conn.execute(text("UPDATE payout SET priority = 'high' WHERE id = :id"), {"id": payout})

        assert refusal(conn, decide, Wanted(id=payout, version=1)) == "changed_since"
        assert decide(conn, [Wanted(id=payout, version=2)], actor=ADA, now=b.NOW, reason="because").done == [
            payout
        ]

    @pytest.mark.parametrize(
        ("decide", "statuses"),
        [
            (approve_payouts, ["approved", "processing", "retrying", "paid", "rejected", "cancelled"]),
            (reject_payouts, ["approved", "processing", "retrying", "paid", "rejected", "cancelled"]),
            (cancel_payouts, ["processing", "paid", "rejected", "cancelled"]),
        ],
    )
    def test_is_refused_from_any_other_status(
        self, conn: Connection, payout: int, decide: Decide, statuses: list[str]
    ) -> None:
        for status in statuses:
            with conn.begin_nested() as savepoint:
                bring_to(conn, payout, status)
                assert refusal(conn, decide, Wanted(id=payout)) == "wrong_status"
                savepoint.rollback()

    @EACH
    def test_is_refused_on_what_failed_for_good(self, conn: Connection, payout: int, decide: Decide) -> None:
        bring_to(conn, payout, "failed")

        assert refusal(conn, decide, Wanted(id=payout)) == "final"

    @pytest.mark.parametrize("decide", [reject_payouts, cancel_payouts])
    @pytest.mark.parametrize("reason", ["", " \n"])
    def test_that_ends_a_payout_needs_a_reason(
        self, conn: Connection, payout: int, decide: Decide, reason: str
    ) -> None:
        before = state(conn)
        with pytest.raises(NoReason) as refused:
            decide(conn, [Wanted(id=payout)], actor=ADA, now=b.NOW, reason=reason)
        assert (refused.value.code, state(conn)) == ("no_reason", before)


class TestTheEndOfAPayout:
    @pytest.mark.parametrize(
        ("decide", "status", "actor"),
        [(reject_payouts, "rejected", ADA), (cancel_payouts, "cancelled", MIA)],
    )
    def test_gives_every_cent_back_with_its_reason_and_can_be_asked_for_again(
        self, desk: Desk, decide: Decide, status: str, actor: Actor
    ) -> None:
        desk.funded("AFF1")
        for _ in range(3):
            payout = desk.request("AFF1", "25.00")
            assert desk.balance("AFF1") == RESERVED_25
            with desk.engine.begin() as conn:
                decision = decide(conn, [Wanted(id=payout)], actor=actor, now=NOW, reason=" twice ")
            assert decision.done == [payout]
            assert (desk.status(payout), desk.balance("AFF1")) == (status, WHOLE)

        assert desk.column("SELECT DISTINCT reason FROM payout") == ["twice"]
        assert desk.column("SELECT amount_minor FROM open_item") == [100_00]  # no splinters are left
        whole = desk.request("AFF1", "100.00")
        assert desk.column("SELECT amount_minor FROM payout_item WHERE payout_id = :id", id=whole) == [100_00]
        assert desk.faults() == []

    @pytest.mark.parametrize("status", ["pending", "approved", "retrying"])
    def test_by_cancelling_is_possible_until_something_is_under_way(self, desk: Desk, status: str) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")
        if status != "pending":
            desk.approve(payout)
        if status == "retrying":
            desk.send(Rail(declined("network_timeout")))
        assert (desk.status(payout), desk.balance("AFF1")) == (status, RESERVED_25)

        desk.decide(lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=MIA, now=NOW, reason="x"))

        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", WHOLE)
        assert desk.scalar("SELECT retry_at FROM payout") is None
        assert desk.send(Rail(), NOW + 9 * DAY).count == 0
        assert desk.faults() == []

    def test_keeps_who_rejected_and_why(self, desk: Desk) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")

        desk.decide(lambda conn: reject_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="odd"))

        assert desk.column("SELECT actor || ' ' || decision || ' ' || reason FROM approval") == [
            "user:ada reject odd"
        ]
        assert desk.column("SELECT details ->> 'reason' FROM audit WHERE action = 'payout.rejected'") == [
            "odd"
        ]

    def test_while_its_carried_part_is_already_in_another_payout_leaves_the_books_right(
        self, desk: Desk
    ) -> None:
        desk.funded("AFF1")
        first = desk.request("AFF1", "30.00")
        second = desk.request("AFF1", "50.00")
        assert desk.balance("AFF1") == Balance(0, 20_00, 80_00, 0, 0)

        desk.decide(lambda conn: cancel_payouts(conn, [Wanted(id=first)], actor=MIA, now=NOW, reason="x"))

        assert desk.balance("AFF1") == Balance(0, 50_00, 50_00, 0, 0)
        assert desk.faults() == []
        desk.approve(second)
        desk.send()
        desk.request("AFF1", "50.00")
        assert desk.balance("AFF1") == Balance(0, 0, 50_00, 49_75, 25)
        assert desk.faults() == []


class TestMany:
    def three(self, desk: Desk) -> list[int]:
        return [desk.request(desk.funded(code), "25.00") for code in ("AFF1", "AFF2", "AFF3")]

    def test_are_decided_one_by_one_and_each_refusal_is_named(self, desk: Desk) -> None:
        one, two, three = self.three(desk)
        desk.partner("AFF2", status="suspended")

        decision = desk.approve(one, two, three, 10**9)

        assert decision.done == [one, three]
        assert {refused.id: refused.code for refused in decision.refused} == {
            two: "partner_suspended",
            10**9: "unknown_payout",
        }
        assert [desk.status(payout) for payout in (one, two, three)] == ["approved", "pending", "approved"]

    @EACH
    def test_as_a_whole_are_all_left_alone_for_one_that_is_refused(self, desk: Desk, decide: Decide) -> None:
        payouts = self.three(desk)
        wanted = [Wanted(id=payout, version=1) for payout in payouts[:2]] + [Wanted(id=payouts[2], version=7)]
        with desk.engine.connect() as conn:
            before = state(conn)

        with pytest.raises(NothingWhole, match=r"1 of 3") as refused:
            desk.decide(lambda conn: decide(conn, wanted, actor=ADA, now=NOW, reason="x", whole=True))

        assert refused.value.code == "nothing_decided"
        with desk.engine.connect() as conn:
            assert state(conn) == before

    @EACH
    def test_as_a_whole_are_all_decided_when_none_is_refused(self, desk: Desk, decide: Decide) -> None:
        payouts = self.three(desk)
        wanted = [Wanted(id=payout, version=1) for payout in payouts]

        decision = desk.decide(lambda conn: decide(conn, wanted, actor=ADA, now=NOW, reason="x", whole=True))

        assert (decision.done, decision.refused) == (payouts, [])
        assert desk.faults() == []

    def test_asked_for_twice_are_decided_once(self, desk: Desk) -> None:
        payout = desk.request(desk.funded("AFF1"), "25.00")

        assert desk.approve(payout, payout).done == [payout]

        assert desk.scalar("SELECT count(*) FROM approval") == 1
