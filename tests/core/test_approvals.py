from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection, text

from core.access import Actor
from core.decisions import Wanted, approve_payouts
from core.steering import set_aside, take_back_payouts
from tests import builders as b
from tests.core.deciding import refusal
from tests.core.giving import earn
from tests.desk import ABE, ADA, DAY, MIA, NOW, OLA, Balance, Desk, Rail

BEA = Actor(name="user:bea", channel="page", roles=frozenset({"maker", "approver"}))
RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


@pytest.fixture
def ana(conn: Connection) -> int:
    return b.partner(conn, b.program(conn))


@pytest.fixture
def payout(conn: Connection, ana: int) -> int:
    return b.payout(conn, ana, [b.earning(conn, ana, 100_00)])


class TestAnApproval:
    def test_is_refused_to_whoever_asked_for_the_payout(self, conn: Connection, ana: int) -> None:
        payout = b.payout(conn, ana, [b.earning(conn, ana, 100_00)], made_by="user:bea", origin="request")

        assert refusal(conn, approve_payouts, Wanted(id=payout), actor=BEA) == "own_payout"
        assert refusal(conn, approve_payouts, Wanted(id=payout), actor=MIA) == "not_allowed"

    def test_is_refused_to_whoever_wrote_one_of_its_earnings_by_hand(
        self, conn: Connection, ana: int
    ) -> None:
        sold = b.earning(conn, ana, 100_00)
        bonus = b.earning(conn, ana, 1, kind="bonus", made_by="user:bea")
        payout = b.payout(conn, ana, [sold, bonus])

        assert refusal(conn, approve_payouts, Wanted(id=payout), actor=BEA) == "own_payout"

    def test_is_refused_to_whoever_set_the_destination(self, conn: Connection, ana: int) -> None:
        b.destination(conn, ana, made_by="user:bea")
        payout = b.payout(conn, ana, [b.earning(conn, ana, 100_00)])

        assert refusal(conn, approve_payouts, Wanted(id=payout), actor=BEA) == "own_payout"

    def test_is_refused_to_the_writer_of_an_earning_of_which_another_person_left_a_part(
        self, desk: Desk
    ) -> None:
        desk.partner("AFF1")
        earn(desk, "AFF1", 100_00)  # by hand, by mia
        desk.release()
        ann = Actor(name="user:ann", channel="cli", roles=frozenset({"maker"}))
        desk.request("AFF1", "30.00", actor=ann)
        rest = desk.request("AFF1", "70.00", actor=ann)
        mia = Actor(name=MIA.name, channel="cli", roles=frozenset({"maker", "approver"}))

        decision = desk.approve(rest, actor=mia)

        assert ([no.code for no in decision.refused], desk.status(rest)) == (["own_payout"], "pending")

    def test_is_open_to_whoever_only_asked_for_another_part_of_the_same_earning(self, desk: Desk) -> None:
        desk.funded("AFF1")
        bea, ann = (
            Actor(name=f"user:{name}", channel="cli", roles=frozenset({"maker", "approver"}))
            for name in ("bea", "ann")
        )
        first = desk.request("AFF1", "30.00", actor=bea)
        rest = desk.request("AFF1", "70.00", actor=ann)

        assert desk.approve(first, actor=ann).done == [first]
        assert desk.approve(rest, actor=bea).done == [rest]
        assert desk.faults() == []

    def test_is_open_to_whoever_imported_its_sales_or_set_it_aside(self, conn: Connection, ana: int) -> None:
        ian = Actor(name="user:ian", channel="cli", roles=frozenset({"operator", "approver"}))
        file = {
            "kind": "sales",
            "file_name": "f",
            "sha256": b"x",
            "counts": "{}",
            "made_by": ian.name,
            "at": b.NOW,
        }
        imported = b.insert_returning_id(conn, "import_file", file)
        payout = b.payout(conn, ana, [b.earning(conn, ana, 100_00, made_by=ian.name, import_id=imported)])
        day = b.NOW.date() + timedelta(days=1)
        set_aside(conn, [Wanted(id=payout)], until=day, reason="ask Ana", actor=ian, now=b.NOW)

        assert approve_payouts(conn, [Wanted(id=payout)], actor=ian, now=b.NOW + b.DAY).done == [payout]

    def test_counts_once_for_each_person(self, conn: Connection, ana: int) -> None:
        payout = b.payout(conn, ana, [b.earning(conn, ana, 100_00)], approvals_needed=2)
        approve_payouts(conn, [Wanted(id=payout)], actor=ADA, now=b.NOW)

        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "already_approved"

    @pytest.mark.parametrize("on", ["partner", "payout", "earning"])
    def test_is_refused_under_a_hold(self, conn: Connection, ana: int, on: str) -> None:
        earning = b.earning(conn, ana, 100_00)
        payout = b.payout(conn, ana, [earning])
        held = {"partner": {}, "payout": {"payout_id": payout}, "earning": {"earning_id": earning}}[on]
        b.hold(conn, ana, "review", **held)

        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "on_hold"

    def test_is_not_stopped_by_a_hold_that_is_over_or_on_something_else(
        self, conn: Connection, ana: int, payout: int
    ) -> None:
        other = b.earning(conn, ana, 1)
        b.hold(conn, ana, earning_id=other)
        b.hold(conn, ana, until=b.NOW)
        b.hold(conn, ana, closed_at=b.NOW, closed_by="user:mia")

        assert approve_payouts(conn, [Wanted(id=payout)], actor=ADA, now=b.NOW).done == [payout]

    @pytest.mark.parametrize("status", ["suspended", "archived"])
    def test_is_refused_while_the_partner_is_not_active(
        self, conn: Connection, ana: int, payout: int, status: str
    ) -> None:
        conn.execute(
            text("UPDATE partner SET status = :status WHERE id = :id"), {"status": status, "id": ana}
        )

        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "partner_suspended"

    def test_is_refused_once_the_money_would_go_elsewhere(
        self, conn: Connection, ana: int, payout: int
    ) -> None:
        b.destination(conn, ana)
        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "changed_since"

        conn.execute(text("UPDATE partner SET destination_id = NULL WHERE id = :id"), {"id": ana})
        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "no_destination"

    def test_is_refused_until_the_day_a_payout_was_set_aside_for(self, conn: Connection, payout: int) -> None:
        day = b.NOW.date() + timedelta(days=1)
        set_aside(conn, [Wanted(id=payout)], until=day, reason="ask Ana", actor=OLA, now=b.NOW)

        assert refusal(conn, approve_payouts, Wanted(id=payout)) == "set_aside"
        tomorrow = b.NOW.replace(hour=0, minute=0) + b.DAY
        assert approve_payouts(conn, [Wanted(id=payout)], actor=ADA, now=tomorrow).done == [payout]

    def test_moves_no_money_and_leaves_one_act_in_the_trail(self, desk: Desk) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")
        assert desk.balance("AFF1") == RESERVED_25

        decision = desk.approve(payout)

        assert (decision.done, decision.waiting, decision.refused) == ([payout], [], [])
        assert (desk.status(payout), desk.balance("AFF1")) == ("approved", RESERVED_25)
        assert desk.scalar("SELECT decided_at FROM payout") == NOW
        assert desk.column("SELECT ids FROM audit WHERE action = 'payout.approved'") == [[payout]]
        assert desk.faults() == []

    @pytest.mark.parametrize(("amount", "people"), [("1000.00", 1), ("1000.01", 2)])
    def test_takes_a_second_person_above_1000(self, desk: Desk, amount: str, people: int) -> None:
        desk.funded("AFF1", "5000.00")
        payout = desk.request("AFF1", amount)
        balance = desk.balance("AFF1")

        first = desk.approve(payout)

        if people == 2:
            assert (first.done, first.waiting, desk.status(payout)) == ([], [payout], "pending")
            assert desk.send(Rail()).count == 0
            assert desk.approve(payout, actor=ABE).done == [payout]
        assert (desk.status(payout), desk.balance("AFF1")) == ("approved", balance)
        assert desk.column("SELECT actor FROM approval ORDER BY id") == ["user:ada", "user:abe"][:people]

    def test_of_the_first_payout_to_a_changed_destination_takes_two_people_and_of_the_next_one(
        self, desk: Desk
    ) -> None:
        desk.funded("AFF1")
        desk.partner("AFF1", account="acct_2")
        later = NOW + 8 * DAY
        first = desk.request("AFF1", "25.00", now=later)

        assert desk.approve(first, now=later).waiting == [first]
        assert desk.approve(first, actor=ABE, now=later).done == [first]
        desk.send(Rail(), later)
        assert desk.status(first) == "paid"
        second = desk.request("AFF1", "25.00", now=later)

        assert desk.approve(second, now=later).done == [second]
        assert desk.faults() == []

    def test_is_void_once_it_was_taken_back(self, desk: Desk) -> None:
        desk.funded("AFF1", "5000.00")
        payout = desk.request("AFF1", "2000.00")
        desk.approve(payout)
        desk.approve(payout, actor=ABE)
        desk.decide(lambda conn: take_back_payouts(conn, [Wanted(id=payout)], actor=ABE, now=NOW))
        assert (desk.status(payout), desk.send(Rail()).count) == ("pending", 0)

        assert desk.approve(payout).waiting == [payout]  # both are asked anew, also who had approved before
        assert desk.approve(payout, actor=ABE).done == [payout]

        assert desk.scalar("SELECT count(*) FROM approval") == 4
        assert desk.faults() == []

    @pytest.mark.parametrize(
        "changed",
        [
            "amount_minor = amount_minor + 1",
            "fee_minor = 0",
            "destination_id = (SELECT max(id) FROM destination WHERE partner_id = payout.partner_id)",
        ],
    )
    def test_binds_what_is_paid_and_where_to(self, desk: Desk, database: str, changed: str) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")
        desk.approve(payout)
        with psycopg.connect(database) as owner:
            owner.execute("ALTER TABLE payout DISABLE TRIGGER payout_edge")
            owner.execute(
                "INSERT INTO destination (partner_id, method, account, fingerprint, made_by, opened_at)"
                " SELECT id, method, 'acct_x', 'x', 'os:root', now() FROM partner"
            )
            owner.execute(f"UPDATE payout SET {changed}")  # noqa: S608 - above
        rail = Rail()

        desk.send(rail)

        assert (rail.sent, desk.status(payout)) == ([], "approved")
