"""Corrections: one event takes back once, as a void or as a debt, never more than was earned, and may be put back once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.access import NotAllowed
from core.claiming import claim_payout
from core.corrections import (
    CorrectionNotPositive,
    MoreThanEarned,
    NothingTaken,
    NothingToTakeBack,
    UnknownEarning,
    UnknownSale,
)
from core.holds import lift_hold, place_hold
from core.refunds import MoreThanSold, TakenElsewhere
from tests.core.sending_back import correct, earning_of, refund, reinstate
from tests.desk import ADA, DAY, HOUR, MIA, NOW, SILENCE, VIC, Balance, Desk, Rail, declined

NOTHING, WHOLE = Balance(0, 0, 0, 0, 0), Balance(0, 100_00, 0, 0, 0)
FREE = {"method": "manual", "account": None}


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk) -> Iterator[None]:
    yield
    assert desk.faults() == []


@pytest.fixture
def partner(desk: Desk) -> str:
    """A partner with 100.00 available of one sale, whose method costs nothing."""
    return desk.funded("AFF1", **FREE)  # type: ignore[arg-type]


def rows(desk: Desk) -> list[tuple[object, ...]]:
    """Every earning: its kind, amount, and whether it is open."""
    query = text("""SELECT kind, e.amount_minor, o.earning_id IS NOT NULL
                      FROM earning e LEFT JOIN open_item o ON o.earning_id = e.id ORDER BY e.id""")
    with desk.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(query)]


def paid(desk: Desk, amount: str) -> int:
    payout = desk.request("AFF1", amount)
    desk.approve(payout)
    desk.send()
    assert desk.status(payout) == "paid"
    return payout


def hold(desk: Desk, earning: int) -> int:
    partner_id = desk.scalar("SELECT partner_id FROM earning WHERE id = :id", id=earning)
    assert isinstance(partner_id, int)
    return desk.decide(
        lambda conn: place_hold(conn, partner_id, "dispute", earning_id=earning, actor=MIA, now=NOW)
    )


@pytest.mark.usefixtures("partner")
class TestWhatIsStillOpen:
    def test_taken_back_whole_is_voided_and_neither_row_can_be_paid(self, desk: Desk) -> None:
        corrected = correct(desk, 100_00)

        assert (corrected.kind, corrected.amount_minor, corrected.again) == ("void", 100_00, False)
        assert rows(desk) == [("commission", 100_00, False), ("void", -100_00, False)]
        assert desk.balance("AFF1") == NOTHING

    def test_in_part_is_a_clawback_that_counts_at_once(self, desk: Desk) -> None:
        assert correct(desk, 30_00).kind == "clawback"

        assert rows(desk) == [("commission", 100_00, True), ("clawback", -30_00, True)]
        assert desk.balance("AFF1") == Balance(0, 70_00, 0, 0, 0)

    def test_the_rest_of_it_is_voided_and_closes_the_part_before(self, desk: Desk) -> None:
        correct(desk, 30_00)

        assert correct(desk, 70_00, event="refund:re_2").kind == "void"

        assert not any(is_open for _, _, is_open in rows(desk))
        assert desk.balance("AFF1") == NOTHING

    def test_held_by_its_date_is_voided_out_of_held(self, desk: Desk) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")
        assert desk.balance("CR1") == Balance(63_00, 0, 0, 0, 0)

        assert correct(desk, 63_00, earning=earning_of(desk, "b1")).kind == "void"

        assert desk.balance("CR1") == NOTHING

    def test_held_and_taken_back_in_part_shows_a_debt_beside_it_and_the_rest_voids_both(
        self, desk: Desk
    ) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")
        correct(desk, 10_00, earning=earning_of(desk, "b1"))
        assert desk.balance("CR1") == Balance(63_00, -10_00, 0, 0, 0)
        assert desk.faults() == []

        assert correct(desk, 53_00, earning=earning_of(desk, "b1"), event="refund:re_2").kind == "void"

        assert desk.balance("CR1") == NOTHING

    def test_under_a_hold_is_voided_out_of_the_hold(self, desk: Desk) -> None:
        hold(desk, earning_of(desk))
        assert desk.balance("AFF1") == Balance(100_00, 0, 0, 0, 0)

        assert correct(desk, 100_00).kind == "void"

        assert desk.balance("AFF1") == NOTHING


@pytest.mark.usefixtures("partner")
class TestWhatIsInAPayout:
    @pytest.mark.parametrize("approved", [False, True])
    def test_that_waits_is_pulled_back_and_voided(self, desk: Desk, *, approved: bool) -> None:
        payout = desk.request("AFF1", "100.00")
        if approved:
            desk.approve(payout)

        assert correct(desk, 100_00).kind == "void"

        reason = desk.scalar("SELECT reason_code FROM payout")
        assert (desk.status(payout), reason) == ("cancelled", "earning_corrected")
        assert desk.balance("AFF1") == NOTHING

    def test_that_waits_for_a_retry_is_pulled_back_too(self, desk: Desk) -> None:
        payout = desk.request("AFF1", "100.00")
        desk.approve(payout)
        desk.send(Rail(declined("network_timeout")))
        assert desk.status(payout) == "retrying"

        assert correct(desk, 100_00).kind == "void"

        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", NOTHING)

    def test_that_waits_gives_the_rest_of_it_back_to_the_balance(self, desk: Desk) -> None:
        desk.sale("AFF1", "20.00", ref="other")
        payout = desk.request("AFF1", "120.00")

        assert correct(desk, 30_00).kind == "clawback"

        assert desk.status(payout) == "cancelled"
        assert desk.balance("AFF1") == Balance(0, 90_00, 0, 0, 0)

    def test_of_another_sale_stays_where_it_is(self, desk: Desk) -> None:
        payout = desk.request("AFF1", "100.00")
        desk.sale("AFF1", "20.00", ref="other")

        assert correct(desk, 20_00, earning=earning_of(desk, "other")).kind == "void"

        assert desk.status(payout) == "pending"
        assert desk.balance("AFF1") == Balance(0, 0, 100_00, 0, 0)

    def test_that_is_processing_is_a_debt_and_the_payout_goes_on(self, desk: Desk) -> None:
        payout = desk.request("AFF1", "100.00")
        desk.approve(payout)
        rail = Rail(SILENCE)
        desk.send(rail)

        assert correct(desk, 100_00).kind == "clawback"

        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1") == Balance(0, -100_00, 100_00, 0, 0)

    def test_that_is_paid_is_netted_from_the_next_one(self, desk: Desk) -> None:
        paid(desk, "100.00")

        assert correct(desk, 40_00).kind == "clawback"

        assert desk.balance("AFF1") == Balance(0, -40_00, 0, 100_00, 0)
        desk.sale("AFF1", "90.00", ref="later")
        payout = desk.request("AFF1", "50.00")
        amounts = desk.column(
            "SELECT amount_minor FROM payout_item WHERE payout_id = :p ORDER BY 1", p=payout
        )
        assert amounts == [-40_00, 90_00]
        assert desk.balance("AFF1") == Balance(0, 0, 50_00, 100_00, 0)

    def test_that_only_nets_an_earlier_debt_of_it_stays_where_it_is(self, desk: Desk) -> None:
        paid(desk, "100.00")
        correct(desk, 40_00)
        desk.sale("AFF1", "90.00", ref="later")
        payout = desk.request("AFF1", "50.00")

        assert correct(desk, 10_00, event="refund:re_2").kind == "clawback"

        assert desk.status(payout) == "pending"
        assert desk.balance("AFF1") == Balance(0, -10_00, 50_00, 100_00, 0)


@pytest.mark.usefixtures("partner")
class TestASplitEarning:
    def test_whose_payout_waits_is_put_together_again_and_voided(self, desk: Desk) -> None:
        payout = desk.request("AFF1", "60.00")

        assert correct(desk, 100_00).kind == "void"

        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", NOTHING)

    def test_in_two_payouts_that_wait_pulls_both_back(self, desk: Desk) -> None:
        payouts = [desk.request("AFF1", amount) for amount in ("60.00", "15.00")]

        assert correct(desk, 100_00).kind == "void"

        assert [desk.status(payout) for payout in payouts] == ["cancelled", "cancelled"]
        assert desk.balance("AFF1") == NOTHING

    def test_of_which_a_part_is_paid_is_a_debt_of_the_whole_against_the_open_rest(self, desk: Desk) -> None:
        paid(desk, "60.00")
        assert desk.balance("AFF1") == Balance(0, 40_00, 0, 60_00, 0)

        assert correct(desk, 100_00).kind == "clawback"

        assert desk.balance("AFF1") == Balance(0, -60_00, 0, 60_00, 0)

    def test_of_which_a_part_is_paid_pulls_the_part_that_waits_back(self, desk: Desk) -> None:
        paid(desk, "60.00")
        payout = desk.request("AFF1", "40.00")

        assert correct(desk, 100_00).kind == "clawback"

        assert desk.status(payout) == "cancelled"
        assert desk.balance("AFF1") == Balance(0, -60_00, 0, 60_00, 0)

    def test_named_by_one_of_its_parts_is_corrected_as_the_whole(self, desk: Desk) -> None:
        for amount in ("60.00", "15.00"):
            paid(desk, amount)
        (_, part) = desk.column("SELECT id FROM earning WHERE kind = 'carry_in' ORDER BY id")
        assert isinstance(part, int)

        with pytest.raises(MoreThanEarned):
            correct(desk, 100_01, earning=part)
        assert correct(desk, 100_00, earning=part).kind == "clawback"

        named = desk.scalar("SELECT corrects_id FROM earning WHERE kind = 'clawback'")
        assert named == earning_of(desk)
        assert desk.balance("AFF1") == Balance(0, -75_00, 0, 75_00, 0)


@pytest.mark.usefixtures("partner")
class TestOneEvent:
    @pytest.mark.parametrize(("amount_minor", "kind"), [(100_00, "void"), (30_00, "clawback")])
    def test_told_twice_takes_back_once(self, desk: Desk, amount_minor: int, kind: str) -> None:
        first = correct(desk, amount_minor)
        left = desk.balance("AFF1")

        again = correct(desk, amount_minor)

        assert (again.kind, again.earning_id, again.amount_minor) == (kind, first.earning_id, amount_minor)
        assert again.again
        assert desk.balance("AFF1") == left
        assert desk.scalar("SELECT count(*) FROM audit WHERE action = 'earning.corrected'") == 1

    def test_told_again_after_the_money_has_moved_on_takes_back_once(self, desk: Desk) -> None:
        correct(desk, 90_00, event="refund:re_105")
        paid(desk, "10.00")

        assert correct(desk, 90_00, event="refund:re_105").again

        assert desk.balance("AFF1") == Balance(0, 0, 0, 10_00, 0)

    def test_and_another_of_the_same_payment_both_count(self, desk: Desk) -> None:
        correct(desk, 10_00, event="refund:re_1")
        correct(desk, 20_00, event="refund:re_2")

        assert desk.balance("AFF1").available == 70_00

    def test_has_one_thing_to_take_back(self, desk: Desk) -> None:
        desk.funded("AFF2", **FREE)  # type: ignore[arg-type]
        desk.funded("RE1", program="reseller")
        correct(desk, 10_00)

        for sale in ("sale-AFF2", "sale-RE1"):
            with pytest.raises(TakenElsewhere):
                correct(desk, 10_00, earning=earning_of(desk, sale))

        assert desk.balance("AFF2") == WHOLE

    def test_never_takes_more_than_is_left(self, desk: Desk) -> None:
        with pytest.raises(MoreThanEarned) as refused:
            correct(desk, 100_01)
        assert "100.01" in refused.value.sentence
        correct(desk, 10_00)
        for amount_minor in (90_01, 100_00):
            with pytest.raises(MoreThanEarned):
                correct(desk, amount_minor, event="refund:re_2")

        assert desk.balance("AFF1").available == 90_00
        assert correct(desk, 90_00, event="refund:re_2").kind == "void"
        with pytest.raises(MoreThanEarned):
            correct(desk, 1, event="refund:re_3")

    def test_is_of_an_amount_above_zero_and_of_an_earning_that_is_owed(self, desk: Desk) -> None:
        for amount_minor in (0, -1):
            with pytest.raises(CorrectionNotPositive):
                correct(desk, amount_minor)
        with pytest.raises(UnknownEarning):
            correct(desk, 1, earning=0)
        clawback = correct(desk, 1).earning_id
        with pytest.raises(NothingToTakeBack):
            correct(desk, 1, earning=clawback, event="refund:re_2")

    def test_by_hand_is_a_makers(self, desk: Desk) -> None:
        for actor in (ADA, VIC):
            with pytest.raises(NotAllowed):
                correct(desk, 10_00, actor=actor)
        assert desk.balance("AFF1") == WHOLE

        assert correct(desk, 10_00, actor=MIA, event="manual:1").kind == "clawback"

        assert desk.column("SELECT made_by FROM earning WHERE kind = 'clawback'") == ["user:mia"]

    def test_is_told_in_the_trail_with_its_reason_and_what_it_pulled_back(self, desk: Desk) -> None:
        payout = desk.request("AFF1", "100.00")

        corrected = correct(desk, 100_00)

        details = desk.scalar("SELECT details FROM audit WHERE action = 'earning.corrected'")
        assert details == {
            "earning_id": earning_of(desk),
            "correction_id": corrected.earning_id,
            "kind": "void",
            "amount_minor": 100_00,
            "currency": "USD",
            "pulled_back": [payout],
            "event": "refund:re_1",
            "reason": "refunded",
        }


@pytest.mark.usefixtures("partner")
class TestReinstateEarning:
    @pytest.mark.parametrize("amount_minor", [100_00, 30_00])
    def test_puts_back_what_the_event_took_and_once(self, desk: Desk, amount_minor: int) -> None:
        correct(desk, amount_minor)

        back = reinstate(desk)

        assert (back.kind, back.amount_minor, back.again) == ("reinstate", amount_minor, False)
        assert desk.balance("AFF1") == WHOLE
        assert reinstate(desk, by="refund:re_1:again").earning_id == back.earning_id
        assert desk.balance("AFF1") == WHOLE

    def test_of_a_debt_is_there_at_once_without_waiting_for_the_next_run(self, desk: Desk) -> None:
        desk.sale("AFF1", "1.00", ref="later")
        correct(desk, 40_00, now=NOW + HOUR)

        reinstate(desk, now=NOW + 2 * HOUR)

        assert desk.balance("AFF1") == Balance(0, 101_00, 0, 0, 0)

    def test_after_the_debt_was_netted_makes_the_partner_whole_at_once(self, desk: Desk) -> None:
        paid(desk, "100.00")
        correct(desk, 40_00)
        desk.sale("AFF1", "90.00", ref="later")
        paid(desk, "50.00")

        reinstate(desk)

        assert desk.balance("AFF1") == Balance(0, 40_00, 0, 150_00, 0)

    def test_of_a_debt_of_a_held_sale_leaves_it_held_and_no_debt(self, desk: Desk) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")
        correct(desk, 10_00, earning=earning_of(desk, "b1"))

        reinstate(desk)

        assert desk.balance("CR1") == Balance(63_00, 0, 0, 0, 0)

    def test_of_what_was_voided_while_held_is_held_until_its_date(self, desk: Desk) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking")
        correct(desk, 63_00, earning=earning_of(desk, "b1"))

        reinstate(desk)

        assert desk.balance("CR1") == Balance(63_00, 0, 0, 0, 0)
        desk.release(NOW + 5 * DAY)
        assert desk.balance("CR1") == Balance(63_00, 0, 0, 0, 0)
        desk.release(NOW + 6 * DAY)
        assert desk.balance("CR1") == Balance(0, 63_00, 0, 0, 0)

    def test_of_what_was_voided_under_a_hold_goes_back_into_it(self, desk: Desk) -> None:
        hold(desk, earning_of(desk))
        correct(desk, 100_00)

        reinstate(desk)

        assert desk.balance("AFF1") == Balance(100_00, 0, 0, 0, 0)
        holds = desk.column("SELECT id FROM hold WHERE closed_at IS NULL ORDER BY id")
        for hold_id in holds:
            desk.decide(lambda conn, i=hold_id: lift_hold(conn, i, actor=MIA, now=NOW, note="won"))  # type: ignore[misc]
        assert desk.balance("AFF1") == WHOLE

    def test_puts_a_part_back_though_the_rest_was_voided_after_it(self, desk: Desk) -> None:
        correct(desk, 30_00)
        correct(desk, 70_00, event="refund:re_2")

        reinstate(desk, "refund:re_1")
        assert desk.balance("AFF1").available == 30_00
        reinstate(desk, "refund:re_2", by="refund:re_2:failed")

        assert desk.balance("AFF1") == WHOLE

    def test_lets_another_event_take_it_back_again(self, desk: Desk) -> None:
        correct(desk, 100_00, event="dispute:dp_1")
        reinstate(desk, "dispute:dp_1", by="dispute:dp_1:won")
        paid(desk, "60.00")

        with pytest.raises(MoreThanEarned):
            correct(desk, 100_01, event="refund:re_1")
        assert correct(desk, 100_00, event="refund:re_1").kind == "clawback"

        assert desk.balance("AFF1") == Balance(0, -60_00, 0, 60_00, 0)

    def test_of_an_event_that_took_nothing_is_refused(self, desk: Desk) -> None:
        with pytest.raises(NothingTaken):
            reinstate(desk)
        correct(desk, 1)
        with pytest.raises(NothingTaken):
            reinstate(desk, "refund:re_2")
        with pytest.raises(NotAllowed):
            reinstate(desk, actor=VIC)
        assert desk.balance("AFF1").available == 99_99


class TestCorrectSale:
    @pytest.fixture(autouse=True)
    def booking(self, desk: Desk) -> None:
        """70.00 gross: 63.00 for the partner and 7.00 for the platform, held 7 days."""
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "70.00", ref="b1", program="creator", kind="booking", at=NOW - 9 * DAY)
        desk.release()
        assert desk.balance("CR1") == Balance(0, 63_00, 0, 0, 0)

    def test_takes_back_the_partners_part_and_the_platform_gives_up_its_own(self, desk: Desk) -> None:
        assert refund(desk, "b1", 35_00).amount_minor == 31_50

        assert desk.balance("CR1").available == 31_50
        query = "SELECT (gross_minor, fee_minor, amount_minor)::text FROM earning ORDER BY id"
        assert desk.column(query) == ["(7000,700,6300)", "(-3500,-350,-3150)"]
        assert desk.scalar("SELECT sum(amount_minor) FROM daily_total WHERE measure = 'platform_fee'") == 3_50

    def test_of_the_whole_voids_it(self, desk: Desk) -> None:
        assert refund(desk, "b1", 70_00).kind == "void"

        assert desk.balance("CR1") == NOTHING

    def test_rounds_on_the_sum_of_all_that_went_back(self, desk: Desk) -> None:
        taken = [refund(desk, "b1", 5, event=f"refund:re_{n}").amount_minor for n in range(4)]

        assert taken == [4, 5, 5, 4]  # 4.5 each
        assert desk.balance("CR1").available == 62_82

    def test_in_many_small_parts_ends_exactly_at_nothing(self, desk: Desk) -> None:
        parts = [33, 33, 1, 2, 3, 5, 7, 6_91, 62_25]
        assert sum(parts) == 70_00

        for n, part in enumerate(parts):
            refund(desk, "b1", part, event=f"refund:re_{n}")

        assert desk.balance("CR1") == NOTHING
        assert desk.scalar("SELECT sum(fee_minor) FROM earning") == 0

    def test_beyond_what_was_sold_is_refused(self, desk: Desk) -> None:
        refund(desk, "b1", 20_00)
        with pytest.raises(MoreThanSold):
            refund(desk, "b1", 50_01, event="refund:re_2")

        assert refund(desk, "b1", 20_00).again
        assert desk.balance("CR1").available == 45_00

    def test_of_a_failed_refund_lets_the_same_money_be_refunded_again(self, desk: Desk) -> None:
        refund(desk, "b1", 70_00)
        reinstate(desk)

        assert refund(desk, "b1", 70_00, event="refund:re_2").kind == "void"

        assert desk.balance("CR1") == NOTHING

    def test_of_a_share_that_rounds_to_nothing_takes_nothing(self, desk: Desk) -> None:
        desk.sale("CR1", "0.01", ref="cent", program="creator", kind="booking")
        desk.sale("CR1", "0.03", ref="three", program="creator", kind="booking")
        corrected = refund(desk, "three", 1)

        assert (corrected.kind, corrected.amount_minor) == ("clawback", 1)
        assert refund(desk, "cent", 1, event="refund:re_2").kind == "void"

    def test_of_commissions_priced_elsewhere_is_the_amount_itself(self, desk: Desk) -> None:
        desk.funded("AFF1")

        assert refund(desk, "sale-AFF1", 40_00, program="affiliate").amount_minor == 40_00

        assert desk.balance("AFF1").available == 60_00

    def test_of_no_sale_or_a_deduction_is_refused(self, desk: Desk) -> None:
        with pytest.raises(UnknownSale):
            refund(desk, "b2", 1)
        with pytest.raises(UnknownSale):
            refund(desk, "b1", 1, program="affiliate")
        with pytest.raises(CorrectionNotPositive):
            refund(desk, "b1", 0)
        desk.partner("BA1", program="barber")
        desk.sale("BA1", "-50.00", ref="rent", program="barber", kind="deduction")
        with pytest.raises(NothingToTakeBack):
            refund(desk, "rent", 1, program="barber")


class TestRefundsOfServices:
    """The barber: 50 services of 100.00 in October are 60 %, the 51st makes it more for all of them."""

    @pytest.fixture
    def month(self, desk: Desk) -> Callable[[int], None]:
        def fill(services: int) -> None:
            desk.partner("BA1", program="barber")
            head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
            at = (NOW - timedelta(days=30)).isoformat()
            lines = [f"barber,BA1,service,cut{n},{at},100.00,USD,Cut" for n in range(services)]
            desk.take_in("sales", "\n".join([head, *lines]) + "\n")

        return fill

    def owed(self, desk: Desk) -> int:
        balance = desk.balance("BA1")
        return balance.held + balance.available

    def as_if_never_sold(self, desk: Desk, services: int) -> int:
        """What a month of one service less would come to, by another barber."""
        desk.partner("BA2", program="barber")
        head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
        at = (NOW - timedelta(days=30)).isoformat()
        lines = [f"barber,BA2,service,other{n},{at},100.00,USD,Cut" for n in range(services)]
        desk.take_in("sales", "\n".join([head, *lines]) + "\n")
        desk.accrue()
        balance = desk.balance("BA2")
        return balance.held + balance.available

    @pytest.mark.parametrize("closed", [False, True])
    def test_price_the_month_as_if_it_had_never_been_sold(
        self, desk: Desk, month: Callable[[int], None], *, closed: bool
    ) -> None:
        month(51)
        if closed:
            desk.accrue()
            before = self.owed(desk)

        corrected = refund(desk, "cut7", 100_00, program="barber")
        desk.accrue()

        assert (corrected.kind, corrected.earning_id, corrected.amount_minor) == ("refund", None, 100_00)
        assert self.owed(desk) == self.as_if_never_sold(desk, 50)
        kinds = desk.column("SELECT kind FROM earning WHERE source_ref LIKE '%BA1%' ORDER BY id")
        assert kinds == (["period", "true_up"] if closed else ["period"])
        if closed:
            assert self.owed(desk) < before - 50_00  # the rate of all of them fell

    def test_in_part_still_count_as_services(self, desk: Desk, month: Callable[[int], None]) -> None:
        month(51)
        desk.accrue()
        before = self.owed(desk)

        refund(desk, "cut7", 50_00, program="barber")
        desk.accrue()

        assert before - 50_00 < self.owed(desk) < before

    def test_are_undone_once_and_the_month_is_as_before(
        self, desk: Desk, month: Callable[[int], None]
    ) -> None:
        month(51)
        desk.accrue()
        before = self.owed(desk)
        refund(desk, "cut7", 100_00, program="barber")
        assert refund(desk, "cut7", 100_00, program="barber").again
        desk.accrue()

        undone = [reinstate(desk) for _ in range(2)]
        desk.accrue()
        desk.accrue()

        assert [(one.kind, one.again) for one in undone] == [
            ("refund_undone", False),
            ("refund_undone", True),
        ]
        assert self.owed(desk) == before

    def test_of_the_whole_month_leave_nothing_owed(self, desk: Desk, month: Callable[[int], None]) -> None:
        month(2)
        desk.accrue()
        for n in range(2):
            refund(desk, f"cut{n}", 100_00, program="barber", event=f"refund:re_{n}")
        desk.accrue()

        assert self.owed(desk) == 0

    def test_never_exceed_the_service(self, desk: Desk, month: Callable[[int], None]) -> None:
        month(2)
        refund(desk, "cut0", 60_00, program="barber")

        with pytest.raises(MoreThanSold):
            refund(desk, "cut0", 40_01, program="barber", event="refund:re_2")
        with pytest.raises(TakenElsewhere):
            refund(desk, "cut1", 60_00, program="barber")


def test_an_earning_being_sent_is_a_debt_whoever_looks_first(desk: Desk) -> None:
    payout = desk.approved()
    with desk.engine.begin() as conn:
        assert claim_payout(conn, payout, Rail(), now=NOW) is not None

    assert correct(desk, 100_00).kind == "clawback"

    assert desk.status(payout) == "processing"
    assert desk.balance("AFF1") == Balance(0, -25_00, 25_00, 0, 0)
