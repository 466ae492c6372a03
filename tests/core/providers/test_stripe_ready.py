"""A connected account is asked for before each claim: what cannot take money is never sent to, and goes when it can."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.pool import QueuePool

from core.guards import Blocking, blocking_reasons
from core.providers.events import ProviderEvent
from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import StripeRefused
from core.sending import send_due
from tests.desk import DAY, HOUR, NOW, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Gate
from tests.stripe.rails import Seconds, moved
from tests.stripe.telling import source_of

MINUTE = timedelta(minutes=1)
BEFORE, APPROVED = Balance(0, 75_00, 25_00, 0, 0), Balance(0, 100_00, 0, 0, 0)
NO_BANK = {"external_accounts": {"object": "list", "data": []}}
PAST_DUE = {"requirements": {"past_due": ["individual.id_number"]}}


@pytest.fixture
def payout(desk: Desk) -> int:
    """25.00 approved, of 100.00 there, to an account the fake knows."""
    return desk.approved("AFF1", "25.00")


def why(desk: Desk, payout: int, code: str) -> list[Blocking]:
    """The reasons of this code why it may not leave, as its page shows them."""
    reasons = desk.decide(lambda conn: blocking_reasons(conn, [payout], now=NOW)[payout])
    return [reason for reason in reasons if reason.code == code]


def asked(fake: FakeStripe, account: str = "acct_1") -> int:
    return len(fake.asked("GET", f"/v1/accounts/{account}"))


def hear(desk: Desk, fake: FakeStripe, account: str = "acct_1") -> str:
    """Take in an event that says the account changed."""
    from core.events.accounts import plan

    event = ProviderEvent(
        ref="evt_1", kind="account.updated", object_ref=account, account=account, created_at=NOW
    )
    effect = plan(source_of(fake), event, NOW)
    assert effect is not None
    return desk.decide(lambda conn: effect(conn, NOW))


class TestAnAccountThatIsNotReady:
    @pytest.mark.parametrize(
        ("changes", "whose", "words"),
        [
            ({"capabilities": {"transfers": "inactive"}}, "partner", "that capability is inactive"),
            ({"capabilities": {"transfers": "pending"}}, "provider", "that capability is pending"),
            ({"payouts_enabled": False}, "partner", "does not pay this account's balance out"),
            (NO_BANK, "partner", "No bank account is attached"),
            (PAST_DUE, "partner", "past due: individual.id_number"),
            ({"requirements": {"disabled_reason": "under_review"}}, "provider", "under_review"),
            (
                {
                    "payouts_enabled": False,
                    "requirements": {"pending_verification": ["document"], "currently_due": ["email"]},
                },
                "partner",
                "does not pay",
            ),
        ],
    )
    def test_is_never_sent_to_and_costs_the_payout_nothing(  # noqa: PLR0917 - what it is tried with
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        changes: dict[str, object],
        whose: str,
        words: str,
    ) -> None:
        fake.platform.change_account("acct_1", **changes)

        for minutes in range(0, 30, 6):
            assert send_due(desk.engine, rail, now=NOW + minutes * MINUTE).count == 0

        assert (moved(fake), desk.scalar("SELECT count(*) FROM attempt")) == ([], 0)
        assert (desk.status(payout), desk.balance("AFF1")) == ("approved", BEFORE)
        assert desk.scalar("SELECT count(*) FROM hold") == 0
        [reason] = why(desk, payout, "account_not_ready")
        assert reason.whose == whose
        assert words in reason.sentence

    def test_is_paid_once_when_it_is_ready_again(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.platform.change_account("acct_1", payouts_enabled=False)
        send_due(desk.engine, rail, now=NOW)
        fake.platform.change_account("acct_1", payouts_enabled=True)
        assert send_due(desk.engine, rail, now=NOW + MINUTE).count == 0

        send_due(desk.engine, rail, now=NOW + 6 * MINUTE)

        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])
        assert desk.column("SELECT n FROM attempt") == [1]
        assert why(desk, payout, "account_not_ready") == []
        assert desk.faults() == []

    def test_is_asked_for_every_five_minutes_and_not_in_every_run(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.platform.change_account("acct_1", payouts_enabled=False)

        for minutes in range(11):
            send_due(desk.engine, rail, now=NOW + minutes * MINUTE)

        assert (asked(fake), desk.status(payout)) == (3, "approved")

    def test_goes_at_once_when_an_event_says_it_is_ready(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.platform.change_account("acct_1", payouts_enabled=False)
        send_due(desk.engine, rail, now=NOW)
        fake.platform.change_account("acct_1", payouts_enabled=True)

        hear(desk, fake)
        send_due(desk.engine, rail, now=NOW + timedelta(seconds=2))

        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])

    def test_is_asked_for_at_once_when_a_person_wants_the_payout_sent(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.platform.change_account("acct_1", payouts_enabled=False)
        send_due(desk.engine, rail, now=NOW)
        fake.platform.change_account("acct_1", payouts_enabled=True)

        send_due(desk.engine, rail, now=NOW + MINUTE, only=payout)

        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])

    def test_holds_back_no_other_payout(self, desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
        payouts = []
        for number in range(6):
            fake.platform.add_account(f"acct_of_{number}", payouts_enabled=number % 2 == 0)
            payouts.append(_approved(desk, f"AFF{number}", f"acct_of_{number}"))

        send_due(desk.engine, rail, now=NOW)

        assert [desk.status(payout) for payout in payouts] == ["paid", "approved"] * 3
        assert sorted({entry.destination for entry in fake.books()}) == [
            "acct_of_0",
            "acct_of_2",
            "acct_of_4",
        ]

    def test_by_the_time_of_the_claim_is_not_sent_to_whatever_was_answered_before(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        gate = Gate()
        fake.fault("delay_after", method="GET", path="/v1/accounts/acct_1", gate=gate)
        with ThreadPoolExecutor(1) as sender:
            run = sender.submit(send_due, desk.engine, rail, now=NOW)
            assert gate.arrived.wait(60)
            assert isinstance(desk.engine.pool, QueuePool)
            assert desk.engine.pool.checkedout() == 0  # nothing is held while the provider is asked
            fake.platform.change_account("acct_1", payouts_enabled=False)
            hear(desk, fake)
            gate.opened.set()
            assert run.result().count == 0

        assert desk.scalar("SELECT ready FROM account_state") is False
        assert (moved(fake), desk.status(payout), desk.balance("AFF1")) == ([], "approved", BEFORE)


class TestAnAccountThatCannotBeAskedFor:
    def test_is_not_sent_to_and_the_run_says_why(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("refuse", method="GET", path="/v1/accounts/acct_1", times=None)

        with pytest.raises(StripeRefused, match="could not be asked"):
            send_due(desk.engine, rail, now=NOW)

        assert (moved(fake), desk.status(payout)) == ([], "approved")
        assert desk.scalar("SELECT count(*) FROM attempt") == 0

    def test_alone_holds_back_no_other(self, desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
        fake.platform.add_account("acct_2")
        first, second = desk.approved("AFF1", "25.00"), _approved(desk, "AFF2", "acct_2")
        fake.fault("error", method="GET", path="/v1/accounts/acct_1", status=500, times=None)

        assert send_due(desk.engine, rail, now=NOW).succeeded == 1

        assert (desk.status(first), desk.status(second)) == ("approved", "paid")

    def test_ends_the_run_when_no_account_can_be(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        payouts = [desk.approved(f"AFF{number}", "25.00") for number in range(30)]
        fake.fault("error", method="GET", path="/v1/accounts/acct_1", status=500, times=None)

        with pytest.raises(StripeRefused):
            send_due(desk.engine, rail, now=NOW)

        assert asked(fake) < 15
        assert {desk.status(payout) for payout in payouts} == {"approved"}
        assert moved(fake) == []


class TestTheSenderSees:
    def test_other_bank_details_before_anybody_told_of_them_and_sends_nothing(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        hear(desk, fake)
        fake.service.banks.change_banks("acct_1", "bank of somebody else")

        assert send_due(desk.engine, rail, now=NOW).count == 0

        assert (moved(fake), desk.status(payout), desk.balance("AFF1")) == ([], "cancelled", APPROVED)
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_changed"]
        assert desk.scalar("SELECT until FROM hold") == NOW + 7 * DAY
        assert desk.faults() == []

    def test_an_account_that_left_and_sends_nothing(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.service.banks.leave("acct_1")

        assert send_due(desk.engine, rail, now=NOW).count == 0

        assert (moved(fake), desk.status(payout), desk.balance("AFF1")) == ([], "cancelled", APPROVED)
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_failed"]
        assert desk.faults() == []

    def test_a_capability_lost_after_it_asked_as_the_refusal_it_is(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        code = "insufficient_capabilities_for_transfer"
        fake.fault("error", status=400, type="invalid_request_error", code=code)

        send_due(desk.engine, rail, now=NOW)

        assert (desk.status(payout), desk.balance("AFF1"), moved(fake)) == ("failed", APPROVED, [])
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_failed"]
        assert desk.faults() == []

    def test_nothing_else_in_the_way_before_it_asks(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds, payout: int
    ) -> None:
        desk.partner("AFF1", status="suspended")
        fake.platform.funds["usd"] = 100_00
        send_due(desk.engine, rail, now=NOW)
        assert asked(fake) == 0

        desk.partner("AFF1", status="active")
        fake.platform.funds["usd"] = 1
        seconds.now_s += 6
        send_due(desk.engine, rail, now=NOW + HOUR)
        assert (asked(fake), desk.status(payout)) == (0, "approved")


class TestAMethodThatIsNotServed:
    def test_leaves_in_a_payment_file_and_by_a_rail_that_serves_it(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        desk.funded("AFF1", method="paypal", account="")
        payout = desk.request("AFF1", "25.00")
        desk.approve(payout)
        assert why(desk, payout, "leaves_in_file") == []

        send_due(desk.engine, rail, now=NOW)

        assert (fake.asked("POST", "/v1/transfers"), desk.status(payout)) == ([], "approved")
        [reason] = why(desk, payout, "leaves_in_file")
        assert (reason.sentence, reason.whose) == (
            "Paid by PayPal: it leaves with the next payment file",
            "ours",
        )
        desk.send()
        assert desk.status(payout) == "paid"


def _approved(desk: Desk, code: str, account: str) -> int:
    desk.funded(code, account=account)
    payout = desk.request(code, "25.00")
    desk.approve(payout)
    return payout
