"""Transfers at the provider: what came back is booked once by its reversal's id, and one nobody here made stops sending."""

import random

import pytest

from core.access import job_actor
from core.resolving import resolve_due
from core.returns import book_return
from core.sending import send_due
from core.stops import current_stop
from tests.core.events.banking import Bank
from tests.desk import HOUR, NOW, Balance
from tests.stripe.rails import moved, rail_to

PAID = Balance(0, 75_00, 0, 24_75, 25)


def reverse(bank: Bank, transfer: str, amount: int | None = None) -> str:
    """Reverse a transfer, or part of it, by hand at the provider."""
    params = {} if amount is None else {"amount": amount}
    return str(bank.fake.platform.reverse(transfer, params, key=None)["id"])


def returns(bank: Bank) -> list[object]:
    """What was booked as come back, by the provider's reversal."""
    query = (
        "SELECT source_ref || ' ' || amount_minor FROM earning WHERE kind = 'return' ORDER BY amount_minor"
    )
    return bank.desk.column(query)


class TestATransferReversedOutside:
    def test_whole_is_a_return_under_review_and_the_payout_reversed(self, bank: Bank) -> None:
        payout, transfer = bank.paid()
        assert bank.balance() == PAID
        back = reverse(bank, transfer)

        bank.apply()

        assert returns(bank) == [f"{back} 2475"]
        assert (bank.desk.status(payout), bank.held()) == ("reversed", ["review"])
        assert bank.balance() == Balance(24_75, 75_00, 0, 0, 25)
        assert bank.desk.faults() == []

    @pytest.mark.parametrize("seed", range(6))
    def test_in_parts_is_booked_once_each_in_any_order_and_however_often_it_is_told(
        self, bank: Bank, seed: int
    ) -> None:
        payout, transfer = bank.paid()
        parts = [f"{reverse(bank, transfer, amount)} {amount}" for amount in (5_00, 7_00)]
        bank.apply_anyhow(seed)

        assert returns(bank) == parts
        assert (bank.desk.status(payout), bank.balance()) == ("paid", Balance(12_00, 75_00, 0, 12_75, 25))
        parts.append(f"{reverse(bank, transfer)} 1275")
        bank.apply_anyhow(seed)
        assert (returns(bank), bank.desk.status(payout)) == (parts, "reversed")
        assert bank.balance() == Balance(24_75, 75_00, 0, 0, 25)
        assert bank.desk.faults() == []

    def test_that_is_booked_already_by_its_id_is_not_booked_again(self, bank: Bank) -> None:
        payout, transfer = bank.paid()
        back = reverse(bank, transfer, 5_00)
        bank.desk.decide(
            lambda conn: book_return(
                conn, payout, amount_minor=5_00, event_ref=back, reason="ours", actor=job_actor("reverse"),
                now=NOW,
            )
        )  # fmt: skip

        bank.apply()

        assert (returns(bank), bank.balance().held) == ([f"{back} 500"], 5_00)

    def test_before_its_own_outcome_is_recorded_waits_for_it(self, bank: Bank) -> None:
        payout = bank.desk.approved("AFF1", "25.00")
        bank.fake.fault("drop_after")
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        back = reverse(bank, bank.fake.books()[0].transfer, 5_00)
        told = bank.news()

        bank.apply(told)
        assert bank.outcomes == ["not yet"] * 2
        assert (returns(bank), bank.desk.status(payout)) == ([], "processing")
        resolve_due(bank.desk.engine, rail_to(bank.fake), now=NOW + HOUR)
        bank.apply(told)

        assert (returns(bank), bank.desk.status(payout)) == ([f"{back} 500"], "paid")
        assert bank.desk.scalar("SELECT count(*) FROM sending_stop") == 0
        assert bank.desk.faults() == []

    def test_is_never_sent_again_by_itself(self, bank: Bank) -> None:
        _, transfer = bank.paid()
        reverse(bank, transfer)
        bank.apply()
        bank.desk.release()
        bank.desk.queue()
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)

        assert moved(bank.fake) == [24_75]


class TestATransferOfOurs:
    def test_that_an_attempt_made_stops_nothing(self, bank: Bank) -> None:
        bank.paid()
        bank.apply()

        assert bank.desk.decide(current_stop) is None
        assert "as it was made" in bank.outcomes

    @pytest.mark.parametrize("known", [False, True])
    def test_that_no_attempt_here_made_stops_all_sending(self, bank: Bank, *, known: bool) -> None:
        waiting = bank.desk.approved("AFF1", "25.00")
        ref = (
            bank.desk.scalar("SELECT ref::text FROM payout")
            if known
            else "7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c"
        )
        params = {"amount": 24_75, "currency": "usd", "destination": "acct_1", "transfer_group": ref}
        made = bank.fake.platform.create_transfer(params, key=None)

        bank.apply_anyhow(1)

        stop = bank.desk.decide(current_stop)
        assert stop is not None
        assert (stop.stopped_by, made["id"] in stop.why) == ("job:events", True)
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert (moved(bank.fake), bank.desk.status(waiting)) == ([24_75], "approved")
        assert bank.desk.scalar("SELECT count(*) FROM sending_stop") == 1

    @pytest.mark.parametrize("group", [None, "summer party"])
    def test_is_none_that_carries_another_group(self, bank: Bank, group: str | None) -> None:
        params = {"amount": 77_00, "currency": "usd", "destination": "acct_1", "transfer_group": group}
        made = bank.fake.platform.create_transfer(params, key=None)
        reverse(bank, made["id"])

        bank.apply()

        assert (bank.desk.decide(current_stop), returns(bank)) == (None, [])


@pytest.mark.parametrize("seed", range(8))
def test_both_books_agree_whatever_comes_back_of_what_in_which_order(bank: Bank, seed: int) -> None:
    dice = random.Random(seed)
    paid = [bank.paid(f"AFF{number}") for number in range(3)]
    for _ in range(6):
        _, transfer = dice.choice(paid)
        left = bank.fake.platform.transfer(transfer)
        out = left["amount"] - left["amount_reversed"]
        if out:
            reverse(bank, transfer, dice.choice([out, dice.randint(1, out)]))
        if dice.random() < 0.4:
            bank.apply_anyhow(seed)
    bank.apply_anyhow(seed)

    net = sum(bank.balance(f"AFF{number}").paid for number in range(3))
    signs = {"transfer": 1, "reversal": -1}
    assert net == sum(signs[entry.kind] * entry.amount for entry in bank.fake.books())
    assert bank.desk.faults() == []
