"""Each act tells whom it concerns, once, in its own transaction, and many in one statement."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from core.advance_notice import tell_of_upcoming
from core.alerting import tell_of_alerts
from core.daily_news import remind, tell_of_the_day
from core.decisions import Wanted
from core.ending import reject_payouts
from core.message_preferences import choose_messages
from core.messages.payout_rejected import REASONS, UNSAID
from core.messages.reminder import EXPIRES_WITHIN
from core.partner_edits import edit_partner
from core.proposals import propose
from core.stops import stop_sending
from tests.core.outbox.telling import Teller
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, OLA

BY = "job:remind"


def reject(teller: Teller, *ids: int, told: str = UNSAID) -> None:
    teller.desk.decide(
        lambda conn: reject_payouts(
            conn, [Wanted(id=one) for one in ids], actor=ADA, now=NOW, reason="Ana looks odd to me", told=told
        )
    )


class TestRejected:
    def test_the_partner_hears_the_reason_chosen_for_them_and_not_the_note(self, teller: Teller) -> None:
        teller.desk.funded("AFF1")
        payout = teller.desk.request("AFF1", "25.00")
        reject(teller, payout, told="details_differ")
        assert teller.desk.balance("AFF1").available == 100_00
        teller.notify()
        [letter] = teller.mail.accepted
        assert letter.message["Subject"] == "Your payout of $25.00 was not approved"
        assert "do not match our records" in letter.body
        assert "odd" not in letter.body

    def test_without_one_they_hear_none(self, teller: Teller) -> None:
        teller.desk.funded("AFF1")
        reject(teller, teller.desk.request("AFF1", "25.00"))
        teller.notify()
        assert "glad to explain" in teller.mail.accepted[0].body
        with pytest.raises(ValueError, match="lunch"):
            reject(teller, 1, told="lunch")
        assert set(REASONS) > {"details_differ"}


class TestMilestones:
    def paid(self, teller: Teller, amount: str, ref: int) -> None:
        desk = teller.desk
        desk.sale("AFF1", amount, ref=f"M{ref}", now=NOW)
        desk.release()
        payout = desk.request("AFF1", amount)
        desk.approve(payout)
        desk.approve(payout, actor=ABE)
        desk.send()
        assert desk.status(payout) == "paid"

    def test_a_round_sum_is_told_once_and_the_highest_where_several_are_reached(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        reached = []
        for ref, amount in enumerate(["900.00", "200.00", "500.00", "20000.00", "100.00"]):
            self.paid(teller, amount, ref)
            reached.append(
                teller.desk.column("SELECT about ->> 'reached_minor' FROM message WHERE kind = 'milestone'")
            )
        assert [[int(str(one)) for one in each] for each in reached] == [
            [],
            [100_000],
            [100_000],
            [100_000, 1_000_000],
            [100_000, 1_000_000],
        ]
        assert teller.desk.faults() == []


class TestLarge:
    def test_approvers_hear_of_what_is_above_the_limit_and_of_nothing_else(self, teller: Teller) -> None:
        desk = teller.desk
        desk.partner("AFF1")
        desk.sale("AFF1", "5000.00", ref="L1")
        desk.release()
        desk.request("AFF1", "1000.00")
        assert teller.told("large_payout") == []
        payout = desk.request("AFF1", "1000.01")
        assert teller.told("large_payout") == ["large_payout email reader"]
        teller.team = type(teller.team)(finance=teller.team.finance, approvers=[("", "cy@example.com")])
        teller.notify()
        [letter] = teller.mail.accepted
        assert letter.to == ("cy@example.com",)
        assert letter.message["Subject"] == "Large payout queued: $1,000.01 to AFF1"
        assert f"Payout {payout}" in letter.body
        assert "two people" in letter.body

    def test_the_program_may_have_a_limit_of_its_own(self, teller: Teller) -> None:
        desk = teller.desk
        teller.program(messages={"large_payout_minor": 20_00})
        desk.funded("AFF1")
        desk.request("AFF1", "20.00", now=NOW)
        assert teller.told("large_payout") == []
        desk.request("AFF1", "20.01", now=NOW)
        assert teller.told("large_payout") == ["large_payout email reader"]

    def test_a_run_that_queues_many_tells_once_a_program(self, teller: Teller) -> None:
        desk = teller.desk
        for n in range(3):
            code = desk.partner(f"BB{n}", program="barber", joined_on="2025-01-01")
            desk.sale(code, "9000.00", ref=f"S{n}", program="barber", kind="service", at=NOW - 40 * DAY)
        desk.accrue()
        desk.release()
        desk.queue()
        assert desk.column("SELECT count(*) FROM payout WHERE amount_minor > 100000") == [3]
        assert teller.told("large_payout") == ["large_payout email reader"]
        teller.notify()
        assert teller.subjects() == ["3 large payouts queued: $18,900.00 in Barbers"]


class TestSales:
    def lines(self, codes: list[str]) -> str:
        head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
        at = (NOW - DAY).isoformat()
        rows = [f"affiliate,{code},commission,R{n},{at},10.00,USD,Order" for n, code in enumerate(codes)]
        return "\n".join([head, *rows]) + "\n"

    def test_nobody_hears_of_sales_unless_they_or_their_program_want_to(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        teller.desk.take_in("sales", self.lines(["AFF1"]))
        assert teller.told() == []

    def test_who_wants_to_gets_one_letter_for_all_that_came_together(self, teller: Teller) -> None:
        for code in ("AFF1", "AFF2"):
            teller.desk.partner(code)
        wanted = {("sale_confirmed", "email"): True}
        teller.desk.decide(
            lambda conn: choose_messages(
                conn, "AFF1", language=None, notice_days=None, phone=None, wanted=wanted, actor=MIA, now=NOW
            )
        )
        teller.desk.take_in("sales", self.lines(["AFF1", "AFF2"] * 7))
        assert teller.told() == ["sale_confirmed AFF1 email reader"]
        teller.notify()
        [letter] = teller.mail.accepted
        assert letter.message["Subject"] == "7 new sales on your account"
        assert "R0: $10.00, of which $10.00 for you" in letter.body
        assert "R1:" not in letter.body
        assert "and 2 more" in letter.body

    def test_a_program_may_tell_all_but_those_who_do_not_want_to(self, teller: Teller) -> None:
        for code in ("AFF1", "AFF2"):
            teller.desk.partner(code)
        teller.program(messages={"sale_confirmed": True})
        unwanted = {("sale_confirmed", "email"): False}
        teller.desk.decide(
            lambda conn: choose_messages(
                conn, "AFF2", language=None, notice_days=None, phone=None, wanted=unwanted, actor=MIA, now=NOW
            )
        )
        teller.desk.take_in("sales", self.lines(["AFF1", "AFF2"]))
        assert teller.told() == ["sale_confirmed AFF1 email reader"]

    def test_a_file_of_many_partners_takes_as_many_statements_as_one_of_few(self, teller: Teller) -> None:
        teller.program(messages={"sale_confirmed": True})
        codes = [teller.desk.partner(f"AFF{n}") for n in range(12)]
        statements: list[str] = []
        event.listen(
            teller.desk.engine,
            "before_cursor_execute",
            lambda _conn, _cursor, statement, *_rest: statements.append(statement),
        )
        teller.desk.take_in("sales", self.lines(codes))
        assert sum("INSERT INTO message" in one for one in statements) == 1
        assert len(teller.told("sale_confirmed")) == 12


class TestChanges:
    def test_money_that_moves_is_told_by_a_notice_nobody_can_switch_off(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        teller.desk.partner("AFF1", account="acct_of_somebody", status="suspended")
        assert teller.told() == ["destination_changed AFF1 email reader"]
        teller.notify()
        [letter] = teller.mail.accepted
        assert letter.message["Subject"] == "Where we pay you was changed"
        assert "ending body" in letter.body
        assert "held until November 27, 2026" in letter.body

    def test_a_changed_address_is_told_to_the_one_before_and_to_the_new_one(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        teller.desk.decide(
            lambda conn: edit_partner(
                conn, "AFF1", {"email": "eve@example.com"}, why="asked by phone", actor=MIA, now=NOW
            )
        )
        assert teller.told() == ["contact_changed AFF1 email reader", "contact_changed AFF1 email former"]
        teller.notify()
        assert [one.to for one in teller.mail.accepted] == [("eve@example.com",), ("aff1@example.com",)]
        assert set(teller.subjects()) == {"Your email address with us was changed"}
        emails = "SELECT email FROM identity WHERE email IS NOT NULL"
        assert teller.desk.column(emails) == ["eve@example.com"]

    def test_another_name_is_no_news(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        teller.desk.decide(
            lambda conn: edit_partner(conn, "AFF1", {"name": "Ana S."}, why="married", actor=MIA, now=NOW)
        )
        assert teller.told() == []


class TestUpcoming:
    def upcoming(self, teller: Teller, now: datetime) -> int:
        return tell_of_upcoming(teller.desk.engine, made_by=BY, now=now)

    def barber(self, teller: Teller, gross: str = "1000.00") -> None:
        teller.desk.partner("BB1", program="barber")
        at = datetime(2026, 10, 20, tzinfo=UTC)
        teller.desk.sale("BB1", gross, ref="S1", program="barber", kind="service", at=at)
        teller.desk.accrue()
        teller.desk.release()

    def test_it_is_told_once_so_many_days_before_with_day_and_amount(self, teller: Teller) -> None:
        self.barber(teller)  # paid on Fridays: 27 November is the next one
        assert self.upcoming(teller, NOW + 6 * DAY) == 0
        teller.program("barber", messages={"notice_days": 3})
        assert self.upcoming(teller, NOW + 2 * DAY) == 0
        assert self.upcoming(teller, NOW + 4 * DAY) == 1
        assert self.upcoming(teller, NOW + 5 * DAY) == 0
        teller.notify(NOW + 5 * DAY)
        assert teller.subjects() == ["Your next payout is due on November 27, 2026: $700.00 expected"]

    def test_a_partner_may_have_days_of_their_own_or_none(self, teller: Teller) -> None:
        self.barber(teller)
        for days, told in ((5, 1), (0, 0)):
            teller.program("barber", messages={"notice_days": 3 if days else 6})
            teller.desk.decide(
                lambda conn, days=days: choose_messages(  # type: ignore[misc]
                    conn, "BB1", language=None, notice_days=days, phone=None, wanted={}, actor=MIA, now=NOW
                )
            )
            assert self.upcoming(teller, NOW + (2 if days else 3) * DAY) == told

    def test_what_would_not_be_paid_is_not_promised(self, teller: Teller) -> None:
        self.barber(teller, "60.00")  # 42.00 is below the minimum of 50.00
        teller.program("barber", messages={"notice_days": 7})
        assert self.upcoming(teller, NOW + HOUR) == 0

    def test_told_too_late_it_is_not_told(self, teller: Teller) -> None:
        self.barber(teller)
        teller.program("barber", messages={"notice_days": 3})
        assert self.upcoming(teller, NOW + 5 * DAY) == 1
        teller.notify(NOW + 7 * DAY)
        assert teller.states() == ["dropped"]


class TestTeam:
    def test_the_day_before_is_told_once_in_the_morning(self, teller: Teller) -> None:
        desk = teller.desk
        payout = desk.approved("AFF1", "25.00")
        desk.send()
        desk.request("AFF1", "30.00")
        assert payout
        morning = datetime(2026, 11, 21, 6, 31, tzinfo=UTC)

        def tell(now: datetime) -> int:
            return desk.decide(lambda conn: tell_of_the_day(conn, made_by=BY, now=now))

        assert [tell(morning - HOUR), tell(morning), tell(morning + HOUR), tell(morning + 9 * HOUR)] == [
            0,
            1,
            0,
            0,
        ]
        teller.notify(morning)
        [letter] = [one for one in teller.mail.accepted if "Payouts of" in one.message["Subject"]]
        assert letter.message["Subject"] == "Payouts of November 20, 2026: 1 waits for a decision"
        for line in (
            "Queued: 2, $55.00",
            "Approved: 1, $25.00",
            "Paid: 1, $25.00",
            "- 1 payout to decide on",
        ):
            assert line in letter.body
        assert tell(morning + DAY) == 1

    def test_an_alert_is_told_once_for_as_long_as_it_stands_and_again_when_it_comes_back(
        self, teller: Teller
    ) -> None:
        rate = {"failure_rate": {"found": 7.5, "limit": 5}}

        def alert(standing: dict[str, dict[str, float]], minutes: int) -> int:
            now = NOW + minutes * HOUR / 60
            return teller.desk.decide(lambda conn: tell_of_alerts(conn, standing, made_by=BY, now=now))

        assert [alert(rate, 0), alert(rate, 5), alert({}, 10), alert({}, 15), alert(rate, 20)] == [
            1,
            0,
            0,
            0,
            1,
        ]
        assert teller.desk.column("SELECT ended_at IS NULL FROM alert ORDER BY id") == [False, True]
        teller.notify(NOW + HOUR)
        assert teller.subjects() == ["7.5 % of payouts fail"] * 2

    def test_what_waits_too_long_is_reminded_of_once_a_day_until_it_is_decided(self, teller: Teller) -> None:
        desk = teller.desk
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")

        def reminded(now: datetime) -> int:
            return desk.decide(lambda conn: remind(conn, made_by=BY, now=now))

        assert reminded(NOW + 2 * DAY) == 0
        late = NOW + 3 * DAY + HOUR
        assert [reminded(late), reminded(late + HOUR), reminded(late + DAY)] == [1, 0, 1]
        teller.notify(late)
        assert teller.subjects()[0] == "Waiting for you: 1 payout"
        reject(teller, payout)
        assert reminded(late + 2 * DAY) == 0

    def test_a_proposal_is_reminded_of_before_it_expires_once(self, teller: Teller) -> None:
        desk = teller.desk
        stop = desk.decide(lambda conn: stop_sending(conn, why="two look wrong", actor=OLA, now=NOW))
        desk.decide(
            lambda conn: propose(conn, "start_sending", ids=[stop.id], why="looked at it", actor=OLA, now=NOW)
        )

        def reminded(now: datetime) -> int:
            return desk.decide(lambda conn: remind(conn, made_by=BY, now=now))

        ends = NOW + DAY
        assert reminded(ends - EXPIRES_WITHIN - HOUR) == 0
        assert [reminded(ends - 5 * HOUR), reminded(ends - 4 * HOUR), reminded(ends + HOUR)] == [1, 0, 0]
        teller.notify(ends - 5 * HOUR)
        assert "Waiting for you: 1 proposal" in teller.subjects()


def test_what_was_said_stays_when_the_act_is_taken_back(teller: Teller) -> None:
    teller.desk.funded("AFF1")
    payout = teller.desk.request("AFF1", "25.00")
    with teller.desk.engine.connect() as conn:
        reject_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="by mistake")
        assert conn.execute(text("SELECT count(*) FROM message")).scalar_one() == 1
        conn.rollback()
    assert teller.told() == []
