"""How far a partner's bank got with what was paid: told in any order it ends the same, and it moves no money of ours."""

import random

import pytest

from core.guards import blocking_reasons
from core.messages import NotToBeTold
from core.messages.bank_sent_back import facts
from core.sending import send_due
from tests.core.events.banking import ACCOUNT, Bank
from tests.desk import DAY, NOW, Balance
from tests.stripe.rails import moved, rail_to

PAID = Balance(0, 75_00, 0, 24_75, 25)


class TestTheBank:
    @pytest.mark.parametrize("status", ["pending", "in_transit", "paid", "failed", "canceled"])
    def test_is_a_second_status_that_changes_neither_payout_nor_books(self, bank: Bank, status: str) -> None:
        payout, transfer = bank.paid()
        ledger = bank.desk.column("SELECT id FROM ledger_transfer ORDER BY id")
        usual = bank.banks.pay_out(ACCOUNT, transfer)
        bank.banks.move(ACCOUNT, usual, status, "account_closed" if status == "failed" else None)

        bank.apply()

        assert bank.arrival(payout) == status
        assert (bank.desk.status(payout), bank.balance()) == ("paid", PAID)
        assert bank.desk.column("SELECT id FROM ledger_transfer ORDER BY id") == ledger
        assert bank.desk.scalar("SELECT bank_ref FROM bank_arrival") == usual
        assert bank.desk.faults() == []

    def test_that_sent_it_back_says_why_and_nothing_is_ever_sent_again(self, bank: Bank) -> None:
        payout, transfer = bank.paid()
        usual = bank.banks.pay_out(ACCOUNT, transfer)
        bank.banks.move(ACCOUNT, usual, "paid")
        bank.apply()
        assert bank.arrival(payout) == "paid"

        bank.banks.move(ACCOUNT, usual, "failed", "account_closed")
        bank.apply()
        for days in range(10):
            send_due(bank.desk.engine, rail_to(bank.fake), now=NOW + days * DAY)

        assert bank.arrival(payout) == "failed"
        assert bank.desk.scalar("SELECT failure FROM bank_arrival") == "the bank account is closed"
        assert (moved(bank.fake), bank.desk.scalar("SELECT count(*) FROM attempt")) == ([24_75], 1)
        assert (bank.desk.status(payout), bank.balance(), bank.held()) == ("paid", PAID, [])
        assert bank.desk.decide(lambda conn: blocking_reasons(conn, [payout], now=NOW)) == {payout: []}

    def test_that_sent_it_back_is_told_to_the_partner_once_and_not_when_it_left_again(
        self, bank: Bank
    ) -> None:
        payout, transfer = bank.paid()
        usual = bank.banks.pay_out(ACCOUNT, transfer)
        bank.banks.move(ACCOUNT, usual, "failed", "account_closed")
        bank.apply_anyhow(3)

        told = "SELECT count(*) FROM message WHERE kind = 'bank_sent_back'"
        assert bank.desk.scalar(told) == 1
        about = {"payout_id": payout}
        said = bank.desk.decide(lambda conn: facts(conn, about, NOW))
        assert (said["net_minor"], said["why"]) == (24_75, "the bank account is closed")
        bank.banks.move(ACCOUNT, bank.banks.pay_out(ACCOUNT), "in_transit")
        bank.apply()
        assert bank.desk.scalar(told) == 1
        with pytest.raises(NotToBeTold):
            bank.desk.decide(lambda conn: facts(conn, about, NOW))

    def test_is_told_in_its_own_words_where_we_have_none(self, bank: Bank) -> None:
        payout, transfer = bank.paid()
        bank.banks.move(ACCOUNT, bank.banks.pay_out(ACCOUNT, transfer), "failed", "of_a_new_kind")
        bank.apply()

        assert bank.arrival(payout) == "failed"
        assert bank.desk.scalar("SELECT failure FROM bank_arrival") == "The bank has told us no."

    def test_got_many_payouts_in_one_and_none_that_is_not_ours(self, bank: Bank) -> None:
        paid = [bank.paid(f"AFF{number}") for number in range(3)]
        foreign = bank.fake.platform.create_transfer(
            {"amount": 5_00, "currency": "usd", "destination": ACCOUNT}, key=None
        )
        usual = bank.banks.pay_out(ACCOUNT, foreign["id"], *(transfer for _, transfer in paid[:2]))
        bank.banks.move(ACCOUNT, usual, "paid")
        bank.apply()

        assert [bank.arrival(payout) for payout, _ in paid] == ["paid", "paid", None]

    def test_takes_along_again_what_came_back_before(self, bank: Bank) -> None:
        payout, transfer = bank.paid()
        first = bank.banks.pay_out(ACCOUNT, transfer)
        bank.banks.move(ACCOUNT, first, "failed", "no_account")
        second = bank.banks.pay_out(ACCOUNT)
        bank.banks.move(ACCOUNT, second, "failed", "no_account")
        third = bank.banks.pay_out(ACCOUNT)
        bank.banks.move(ACCOUNT, third, "paid")
        bank.apply()

        assert (bank.arrival(payout), bank.desk.scalar("SELECT bank_ref FROM bank_arrival")) == (
            "paid",
            third,
        )
        assert bank.desk.scalar("SELECT failure FROM bank_arrival") is None

    def test_of_a_transfer_whose_outcome_is_not_recorded_waits_for_it(self, bank: Bank) -> None:
        payout = bank.desk.approved("AFF1", "25.00")
        bank.fake.fault("drop_after")
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert bank.desk.status(payout) == "processing"
        usual = bank.banks.pay_out(ACCOUNT, bank.fake.books()[0].transfer)
        events = [event for event in bank.news() if event.object_ref == usual]

        bank.apply(events)

        assert (bank.outcomes, bank.arrival(payout)) == (["not yet"], None)
        from core.resolving import resolve_due

        resolve_due(bank.desk.engine, rail_to(bank.fake), now=NOW + DAY / 24)
        bank.apply(events)
        assert (bank.desk.status(payout), bank.arrival(payout)) == ("paid", "pending")

    def test_of_another_account_says_nothing_about_ours(self, bank: Bank) -> None:
        payout, _ = bank.paid()
        bank.fake.platform.add_account("acct_2")
        bank.banks.move("acct_2", bank.banks.pay_out("acct_2"), "failed", "no_account")
        bank.apply()

        assert bank.arrival(payout) is None


class TestAnInstantPayout:
    def test_is_followed_by_the_reference_it_carries(self, bank: Bank) -> None:
        bank.desk.funded("AFF1", method="stripe_instant")
        payout = bank.desk.request("AFF1", "25.00")
        bank.desk.approve(payout)
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        [instant] = bank.fake.platform.payouts
        assert instant["automatic"] is False

        bank.apply()
        assert bank.arrival(payout) == "pending"
        bank.banks.move(ACCOUNT, instant["id"], "paid")
        bank.apply()

        assert bank.arrival(payout) == "paid"
        assert bank.desk.scalar("SELECT asked_for FROM bank_arrival") is True

    def test_that_could_not_be_asked_for_leaves_with_the_usual_ones_and_moves_nothing_twice(
        self, bank: Bank
    ) -> None:
        bank.desk.funded("AFF1", method="stripe_instant")
        payout = bank.desk.request("AFF1", "25.00")
        bank.desk.approve(payout)
        bank.fake.fault("error", path="/v1/payouts", status=400, type="invalid_request_error", code="x")
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert "usual payouts" in str(bank.desk.scalar("SELECT message FROM attempt"))
        assert (bank.desk.status(payout), bank.fake.platform.payouts) == ("paid", [])

        usual = bank.banks.pay_out(ACCOUNT, bank.fake.books()[0].transfer)
        bank.banks.move(ACCOUNT, usual, "paid")
        bank.apply()

        assert (bank.arrival(payout), moved(bank.fake)) == ("paid", [25_00])


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_told_in_any_order_and_many_times_it_ends_in_the_same_state(
    bank: Bank, *, seed: int, carried: bool
) -> None:
    dice = random.Random(f"story {seed}")
    paid = [bank.paid(f"AFF{number}") for number in range(4)]
    transfers = [transfer for _, transfer in paid]
    bank.news()
    first = bank.banks.pay_out(ACCOUNT, *transfers[:2])
    bank.banks.move(ACCOUNT, first, dice.choice(["in_transit", "pending"]))
    bank.banks.move(ACCOUNT, first, "paid")
    bank.banks.move(ACCOUNT, first, "failed", "account_closed")
    bank.fake.clock.advance(dice.choice([DAY, 0 * DAY]))
    second = bank.banks.pay_out(ACCOUNT, transfers[2]) if carried else None
    last = dice.choice(["paid", "canceled", "in_transit"])
    if second is not None:
        bank.banks.move(ACCOUNT, second, last)
    told = bank.news()
    events = [event for event in told for _ in range(dice.randint(1, 3))]
    dice.shuffle(events)

    bank.apply(events)

    ends = [last] * 3 if carried else ["failed", "failed", None]
    assert [bank.arrival(payout) for payout, _ in paid] == [*ends, None]
    known = bank.arrivals()
    bank.apply(told)
    assert bank.arrivals() == known
    assert {bank.desk.status(payout) for payout, _ in paid} == {"paid"}
    assert moved(bank.fake) == [24_75] * 4
    assert bank.desk.faults() == []
