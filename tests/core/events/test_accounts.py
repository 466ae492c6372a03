"""What is told of a partner's account: the cache follows it, a changed bank holds, an account that left stops being paid."""

import pytest

from core.events.accounts import KINDS
from core.providers.readiness import Readiness
from core.sending import send_due
from tests.core.events.banking import ACCOUNT, Bank
from tests.desk import DAY, NOW, Balance
from tests.stripe.rails import moved, rail_to

RESERVED, BACK = Balance(0, 75_00, 25_00, 0, 0), Balance(0, 100_00, 0, 0, 0)


@pytest.fixture
def payout(bank: Bank) -> int:
    """25.00 approved of 100.00, to an account whose bank is known."""
    payout = bank.desk.approved("AFF1", "25.00")
    bank.fake.platform.change_account(ACCOUNT)
    bank.apply()
    assert bank.desk.scalar("SELECT had_bank FROM account_state") is True
    return payout


class TestAnAccountThatChanged:
    def test_is_known_as_it_is_now_with_reasons_what_is_due_and_its_age(self, bank: Bank) -> None:
        bank.desk.partner()
        requirements = {"currently_due": ["email"], "current_deadline": int((NOW + DAY).timestamp())}
        bank.fake.platform.change_account(ACCOUNT, payouts_enabled=False, requirements=requirements)

        bank.apply()

        assert bank.desk.scalar("SELECT reasons -> 0 ->> 'code' FROM account_state") == "payouts_disabled"
        assert bank.desk.scalar("SELECT due FROM account_state") == ["email"]
        assert bank.desk.scalar("SELECT due_by FROM account_state") == NOW + DAY
        assert bank.desk.scalar("SELECT checked_at FROM account_state") == NOW
        assert bank.held() == []

    def test_without_anything_that_holds_or_pulls_back_writes_no_audit(self, bank: Bank, payout: int) -> None:
        before = bank.desk.scalar("SELECT count(*) FROM audit")
        bank.fake.platform.change_account(ACCOUNT, payouts_enabled=False)
        bank.apply()

        assert bank.desk.scalar("SELECT count(*) FROM audit") == before
        assert (bank.desk.status(payout), bank.balance()) == ("approved", RESERVED)

    def test_is_not_known_as_an_older_question_was_answered(self, bank: Bank, payout: int) -> None:
        from core.access import job_actor
        from core.accounts import OLDER, note_account

        def note(asked_ago_s: float) -> str:
            return bank.desk.decide(
                lambda conn: note_account(
                    conn, "stripe", ACCOUNT, Readiness(banks=("another bank",)), asked_ago_s=asked_ago_s,
                    actor=job_actor("events"), now=NOW,
                )
            )  # fmt: skip

        before = bank.state()
        assert note(3600) == OLDER
        assert (bank.state(), bank.held(), bank.desk.status(payout)) == (before, [], "approved")
        note(0)
        assert (bank.held(), bank.desk.status(payout)) == (["destination_changed"], "cancelled")


class TestOtherBankDetails:
    def test_hold_the_partner_and_give_back_what_was_approved(self, bank: Bank, payout: int) -> None:
        bank.banks.change_banks(ACCOUNT, "another bank")

        bank.apply()

        assert (bank.held(), bank.desk.scalar("SELECT until FROM hold")) == (
            ["destination_changed"],
            NOW + 7 * DAY,
        )
        assert (bank.desk.status(payout), bank.balance()) == ("cancelled", BACK)
        assert bank.desk.scalar("SELECT reason_code FROM payout") == "destination_changed"
        assert bank.desk.column("SELECT field FROM change") == ["bank_details"]
        action = "SELECT count(*) FROM audit WHERE action = 'partner.bank_changed'"
        assert bank.desk.scalar(action) == 1
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert (moved(bank.fake), bank.desk.faults()) == ([], [])

    @pytest.mark.parametrize("kept", [(), ("bank of acct_1", "a second one")])
    def test_are_also_a_bank_taken_away_and_one_more_beside_it(
        self, bank: Bank, payout: int, kept: tuple[str, ...]
    ) -> None:
        bank.banks.change_banks(ACCOUNT, *kept)
        bank.apply()

        assert (bank.held(), bank.desk.status(payout)) == (["destination_changed"], "cancelled")

    def test_that_come_after_the_old_ones_were_taken_away_hold_all_the_same(
        self, bank: Bank, payout: int
    ) -> None:
        bank.banks.change_banks(ACCOUNT)
        bank.apply()
        bank.banks.change_banks(ACCOUNT, "another bank")
        bank.apply(now=NOW + DAY)

        assert bank.desk.scalar("SELECT max(until) FROM hold") == NOW + 8 * DAY
        assert bank.desk.status(payout) == "cancelled"

    def test_that_are_the_accounts_first_hold_nothing(self, bank: Bank) -> None:
        payout = bank.desk.approved("AFF1", "25.00")
        bank.banks.change_banks(ACCOUNT)
        bank.apply()
        assert bank.desk.scalar("SELECT ready FROM account_state") is False
        bank.banks.change_banks(ACCOUNT, "the first bank")
        bank.apply()

        assert (bank.held(), bank.desk.status(payout), bank.balance()) == ([], "approved", RESERVED)
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert (bank.desk.status(payout), moved(bank.fake)) == ("paid", [24_75])

    @pytest.mark.usefixtures("payout")
    def test_are_kept_as_a_digest_and_never_as_they_are(self, bank: Bank) -> None:
        kept = str(bank.state())
        assert "bank of acct_1" not in kept
        assert bank.desk.scalar("SELECT octet_length(banks) FROM account_state") == 32

    def test_hold_every_partner_paid_there_and_nobody_else(self, bank: Bank, payout: int) -> None:
        bank.fake.platform.add_account("acct_2")
        same, other = bank.desk.approved("AFF2", "25.00"), None
        bank.desk.funded("AFF3", account="acct_2")
        other = bank.desk.request("AFF3", "25.00")
        bank.banks.change_banks(ACCOUNT, "another bank")
        bank.apply()

        assert [bank.desk.status(each) for each in (payout, same, other)] == [
            "cancelled",
            "cancelled",
            "pending",
        ]
        assert len(bank.held()) == 2

    @pytest.mark.parametrize("seed", range(8))
    def test_told_in_any_order_and_many_times_end_in_one_hold(
        self, bank: Bank, payout: int, seed: int
    ) -> None:
        bank.fake.platform.change_account(ACCOUNT, payouts_enabled=False)
        bank.banks.change_banks(ACCOUNT)
        bank.banks.change_banks(ACCOUNT, "another bank")
        bank.fake.platform.change_account(ACCOUNT, payouts_enabled=True)

        bank.apply_anyhow(seed)

        assert (bank.held(), bank.desk.status(payout), bank.balance()) == (
            ["destination_changed"],
            "cancelled",
            BACK,
        )
        assert bank.desk.scalar("SELECT ready FROM account_state") is True
        assert bank.desk.faults() == []


class TestAnAccountThatLeft:
    @pytest.mark.parametrize("seed", range(4))
    def test_holds_the_partner_and_gives_back_what_was_approved_once(
        self, bank: Bank, payout: int, seed: int
    ) -> None:
        bank.banks.leave(ACCOUNT)

        bank.apply_anyhow(seed)

        assert (bank.held(), bank.desk.status(payout), bank.balance()) == (
            ["destination_failed"],
            "cancelled",
            BACK,
        )
        assert bank.desk.scalar("SELECT reasons -> 0 ->> 'code' FROM account_state") == "account_gone"
        assert bank.desk.scalar("SELECT count(*) FROM audit WHERE action = 'partner.account_gone'") == 1
        send_due(bank.desk.engine, rail_to(bank.fake), now=NOW)
        assert (moved(bank.fake), bank.desk.faults()) == ([], [])

    def test_and_is_back_by_the_time_it_is_told_holds_nothing(self, bank: Bank, payout: int) -> None:
        bank.banks.leave(ACCOUNT)
        bank.fake.platform.add_account(ACCOUNT)

        bank.apply()

        assert (bank.held(), bank.desk.status(payout)) == ([], "approved")

    def test_changes_nothing_of_what_was_paid(self, bank: Bank) -> None:
        payout, _ = bank.paid()
        before = bank.balance()
        bank.banks.leave(ACCOUNT)
        bank.apply()

        assert (bank.desk.status(payout), bank.balance()) == ("paid", before)
        assert bank.held() == ["destination_failed"]


def test_every_kind_of_event_that_tells_of_an_account_is_heard() -> None:
    from core.events import handlers

    assert {
        kind for kind, handler in handlers().items() if kind.startswith(("account.", "capability."))
    } == KINDS
    assert all(handlers()[kind].connected for kind in KINDS)
