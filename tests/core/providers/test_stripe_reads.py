"""What the Stripe rail reads without moving anything: transfers of a group, balance, accounts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.providers import Absent, Declined, ProviderTransfer, Succeeded, Unknown
from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import StripeRefused, WrongAccount
from tests.desk import NOW
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Kind
from tests.stripe.rails import AGAIN, GROUP, ORDER, Seconds, order, rail_to


class TestFind:
    def test_adopts_the_one_transfer_of_exactly_this_money(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.fault("drop_after")
        rail.send(ORDER)
        rail.send(replace(order(transfer_group="another"), key="po_another_1"))
        fake.clock.advance(timedelta(days=40))

        found = rail.find(AGAIN)

        assert isinstance(found, Succeeded)
        assert found.provider_ref == fake.books()[0].id
        assert len(fake.asked("POST", "/v1/transfers")) == 2

    def test_is_absent_where_nothing_carries_the_group(self, rail: StripeTransfers) -> None:
        rail.send(replace(order(transfer_group="another"), key="po_another_1"))

        assert rail.find(AGAIN) == Absent()

    @pytest.mark.parametrize("values", [{"amount": "2476"}, {"currency": "eur"}, {"destination": "acct_2"}])
    def test_never_adopts_nor_calls_absent_another_transfer_of_the_group(
        self, fake: FakeStripe, rail: StripeTransfers, values: dict[str, str]
    ) -> None:
        fake.platform.add_account("acct_2")
        fake.fault("alter", values=values)
        rail.send(ORDER)

        found = rail.find(AGAIN)

        assert isinstance(found, Unknown)
        assert (found.code, found.ask_again) == ("wrong_transfer", False)

    def test_never_adopts_one_of_several_on_however_many_pages(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        params = {"amount": 24_75, "currency": "usd", "destination": "acct_1", "transfer_group": GROUP}
        for _ in range(101):
            fake.platform.create_transfer(params, key=None)

        found = rail.find(AGAIN)

        assert isinstance(found, Unknown)
        assert (found.code, found.ask_again) == ("duplicate_transfers", False)
        assert len(fake.asked("GET", "/v1/transfers")) == 2

    @pytest.mark.parametrize("kind", ["drop_before", "half_body", "html", "error"])
    def test_proves_nothing_when_the_list_cannot_be_read(
        self, fake: FakeStripe, rail: StripeTransfers, kind: Kind
    ) -> None:
        fake.fault(kind, method="GET")

        assert isinstance(rail.find(AGAIN), Unknown)

    @pytest.mark.parametrize("missing", ["data", "has_more"])
    def test_proves_nothing_when_the_list_is_not_whole(
        self, fake: FakeStripe, rail: StripeTransfers, missing: str
    ) -> None:
        fake.fault("edit", method="GET", without=(missing,))

        assert isinstance(rail.find(AGAIN), Unknown)


class TestListTransfers:
    def test_yields_every_transfer_of_the_window_in_our_units_over_all_pages(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.platform.funds["isk"] = 900_00
        wanted = {"currency": "usd", "destination": "acct_1", "transfer_group": GROUP}
        before = fake.platform.create_transfer(wanted | {"amount": 1}, key=None)
        fake.clock.advance(timedelta(hours=1))
        made = [fake.platform.create_transfer(wanted | {"amount": n}, key=None) for n in range(1, 131)]
        krona = fake.platform.create_transfer(wanted | {"amount": 900_00, "currency": "isk"}, key=None)
        fake.platform.reverse(krona["id"], {"amount": 400_00}, key=None)
        fake.clock.advance(timedelta(hours=1))
        after = fake.platform.create_transfer(wanted | {"amount": 1}, key=None)
        hour = NOW + timedelta(hours=1)

        listed = {each.provider_ref: each for each in rail.list_transfers(hour, hour + timedelta(hours=1))}

        assert set(listed) == {each["id"] for each in (*made, krona)}
        assert before["id"] not in listed
        assert after["id"] not in listed
        assert listed[krona["id"]] == ProviderTransfer(
            provider_ref=krona["id"],
            transfer_group=GROUP,
            amount_minor=900,
            currency="ISK",
            destination="acct_1",
            reversed_minor=400,
            created_at=hour,
        )
        assert sum(each.amount_minor for each in listed.values() if each.currency == "USD") == 130 * 131 // 2
        assert len(fake.asked("GET", "/v1/transfers")) == 2


class TestBalance:
    def test_is_what_is_available_in_the_currency_and_nothing_in_one_that_is_not_there(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.platform.funds.clear()
        fake.platform.funds.update({"usd": 100_00, "eur": -5_00})

        assert [rail.balance_minor(currency) for currency in ("USD", "EUR", "GBP")] == [100_00, -5_00, 0]
        assert len(fake.asked("GET", "/v1/balance")) == 1

    def test_is_some_seconds_old_at_most_and_never_from_before_a_transfer(
        self, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds
    ) -> None:
        fake.platform.funds["usd"] = 100_00
        assert rail.balance_minor("USD") == 100_00

        rail.send(ORDER)
        assert rail.balance_minor("USD") == 75_25
        fake.platform.funds["usd"] = 200_00
        assert rail.balance_minor("USD") == 75_25
        seconds.now_s += 6
        assert rail.balance_minor("USD") == 175_25

    def test_counts_as_nothing_for_a_minute_after_stripe_found_it_empty(
        self, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds
    ) -> None:
        fake.fault("error", status=400, type="invalid_request_error", code="balance_insufficient")
        rail.send(ORDER)

        assert rail.balance_minor("USD") == 0
        assert rail.balance_minor("EUR") > 0
        seconds.now_s += 61
        assert rail.balance_minor("USD") > 0

    def test_that_cannot_be_asked_for_stops_the_run_before_anything_is_claimed(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.stop()

        with pytest.raises(StripeRefused, match="could not be asked"):
            rail.balance_minor("USD")

    def test_waits_for_its_turn_like_every_call_and_is_not_asked_out_of_turn(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        rail.pace.pause(60)

        with pytest.raises(StripeRefused, match="Too many requests"):
            rail.balance_minor("USD")
        assert fake.service.asked == []


class TestTheAccount:
    def test_of_another_key_sends_nothing(self, fake: FakeStripe) -> None:
        rail = rail_to(fake, account_id="acct_ours")

        with pytest.raises(WrongAccount, match="acct_platform, not to acct_ours"):
            rail.balance_minor("USD")
        with pytest.raises(WrongAccount):
            rail.send(ORDER)
        assert fake.asked("POST", "/v1/transfers") == []

    def test_in_another_mode_stops_the_run(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        fake.platform.livemode = True

        with pytest.raises(WrongAccount, match="mode of our key"):
            rail.balance_minor("USD")

    def test_that_cannot_be_asked_for_leaves_a_new_order_unsent(self, fake: FakeStripe) -> None:
        fake.service.secret_key = "sk_test_another"
        rail = rail_to(fake)

        outcome, again = rail.send(ORDER), rail.send(AGAIN)

        assert isinstance(outcome, Declined)
        assert (outcome.code, outcome.error_class) == ("authentication_failed", "platform_balance")
        assert isinstance(again, Unknown)
        assert fake.asked("POST", "/v1/transfers") == []

    def test_and_its_key_are_told_in_no_picture_of_the_rail(self, rail: StripeTransfers) -> None:
        assert "sk_test" not in f"{rail} {rail!r}"


class TestAccountReady:
    def test_is_one_that_can_be_paid(self, rail: StripeTransfers) -> None:
        assert rail.account_ready("acct_1").ok

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"capabilities": {"transfers": "pending"}}, "transfers_inactive"),
            ({"capabilities": None}, "transfers_inactive"),
            ({"payouts_enabled": False}, "payouts_disabled"),
            ({"external_accounts": {"object": "list", "data": []}}, "no_bank_account"),
            ({"requirements": {"past_due": ["individual.id_number"]}}, "requirements_past_due"),
            ({"requirements": {"disabled_reason": "rejected.fraud"}}, "account_disabled"),
        ],
    )
    def test_is_not_one_that_stripe_would_not_pay_and_says_why(
        self, fake: FakeStripe, rail: StripeTransfers, changes: dict[str, object], code: str
    ) -> None:
        fake.platform.change_account("acct_1", **changes)

        ready = rail.account_ready("acct_1")

        assert not ready.ok
        assert [reason.code for reason in ready.reasons] == [code]

    def test_tells_what_is_due_and_until_when_before_it_is_in_the_way(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        deadline = NOW + timedelta(days=7)
        requirements = {"currently_due": ["external_account"], "current_deadline": int(deadline.timestamp())}
        fake.platform.change_account("acct_1", requirements=requirements)

        ready = rail.account_ready("acct_1")

        assert ready.ok
        assert (ready.due, ready.due_by) == (("external_account",), deadline)

    def test_takes_what_is_not_said_as_not_there(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        fake.platform.accounts["acct_2"] = {"id": "acct_2", "object": "account"}

        codes = [reason.code for reason in rail.account_ready("acct_2").reasons]

        assert codes == ["transfers_inactive", "payouts_disabled"]

    def test_of_an_account_that_left_says_so(self, rail: StripeTransfers) -> None:
        assert [reason.code for reason in rail.account_ready("acct_9").reasons] == ["account_gone"]

    def test_is_no_answer_when_there_is_none(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        fake.fault("error", method="GET", path="/v1/accounts/acct_1", status=500)

        with pytest.raises(StripeRefused):
            rail.account_ready("acct_1")
