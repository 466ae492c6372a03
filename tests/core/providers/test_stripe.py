"""Sending by the Stripe rail, by the real SDK against the fake: what every answer means, and what the money did."""

from dataclasses import replace
from threading import Thread

import pytest

from core.providers import Declined, Succeeded, Unknown
from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import TABLE
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Kind
from tests.stripe.rails import AGAIN, GROUP, ORDER, Seconds, moved, order


class TestSucceeded:
    def test_is_a_transfer_of_exactly_this_money_with_its_request_id(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        outcome = rail.send(ORDER)

        [entry] = fake.books()
        assert isinstance(outcome, Succeeded)
        assert outcome.provider_ref == entry.id
        assert outcome.request_id is not None
        assert outcome.request_id.startswith("req_")
        assert (entry.amount, entry.currency, entry.destination) == (24_75, "usd", "acct_1")
        assert (entry.transfer_group, entry.key) == (GROUP, ORDER.key)

    def test_carries_the_key_in_the_header_and_only_what_was_frozen_in_the_form(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        rail.send(ORDER)

        [asked] = fake.asked("POST", "/v1/transfers")
        assert asked.headers["idempotency-key"] == ORDER.key
        assert asked.headers["stripe-version"] == "2026-10-28.endive"
        assert "x-stripe-client-telemetry" not in asked.headers
        assert asked.params == {
            "amount": "2475",
            "currency": "usd",
            "destination": "acct_1",
            "transfer_group": GROUP,
            "metadata": {"payout_ref": GROUP},
        }

    def test_comes_again_for_the_same_key_and_moves_nothing(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        first, second = rail.send(ORDER), rail.send(AGAIN)

        assert isinstance(first, Succeeded)
        assert isinstance(second, Succeeded)
        assert first.provider_ref == second.provider_ref
        assert moved(fake) == [24_75]

    @pytest.mark.parametrize(
        ("currency", "amount_minor", "as_sent"),
        [("JPY", 500, 500), ("ISK", 500, 500_00), ("UGX", 9_000, 9_000_00), ("KWD", 24_750, 24_750)],
    )
    def test_is_the_same_money_in_currencies_that_stripe_counts_in_its_own_way(
        self, fake: FakeStripe, rail: StripeTransfers, currency: str, amount_minor: int, as_sent: int
    ) -> None:
        fake.platform.funds[currency.lower()] = as_sent

        assert rail.balance_minor(currency) == amount_minor
        assert isinstance(rail.send(order(currency=currency, amount_minor=amount_minor)), Succeeded)
        assert moved(fake) == [as_sent]
        assert rail.balance_minor(currency) == 0


class TestTooManyRequests:
    def test_are_asked_again_under_the_same_key_a_little_later(
        self, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds
    ) -> None:
        fake.fault("error", status=429, type="invalid_request_error", code="rate_limit", kept=False, times=3)

        outcome = rail.send(ORDER)

        asked = fake.asked("POST", "/v1/transfers")
        assert isinstance(outcome, Succeeded)
        assert len(asked) == 4
        assert len({(each.key, str(each.params)) for each in asked}) == 1
        assert 1.75 <= sum(seconds.waited) <= 3.5 + 0.1
        assert moved(fake) == [24_75]

    def test_for_longer_than_the_lease_allows_are_unknown_spend_no_retry_and_move_nothing(
        self, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds
    ) -> None:
        fake.fault(
            "error", status=429, type="invalid_request_error", code="lock_timeout", kept=False, times=None
        )
        begun = seconds()

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Unknown)
        assert outcome.ask_again
        assert seconds() - begun + 35 <= rail.lease_s
        assert moved(fake) == []
        fake.service.faults.clear()
        seconds.now_s += 60
        assert isinstance(rail.send(AGAIN), Succeeded)
        assert moved(fake) == [24_75]

    def test_are_not_provoked_by_many_threads_at_once(
        self, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds
    ) -> None:
        threads = [Thread(target=rail.send, args=(replace(ORDER, key=f"po_{n}_1"),)) for n in range(16)]
        begun = seconds()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert moved(fake) == [24_75] * 16
        assert seconds() - begun >= (16 - 5) / 14


class TestDeclined:
    @pytest.mark.parametrize(
        ("status", "code", "error_class"),
        [
            (400, "balance_insufficient", "platform_balance"),
            (400, "insufficient_capabilities_for_transfer", "account"),
            (400, "transfers_not_allowed", "account"),
            (404, "resource_missing", "account"),
            (403, "account_invalid", "account"),
            (400, "payouts_limit_exceeded", "limits"),
            (400, "amount_too_small", "instruction"),
            (400, "parameter_invalid_integer", "instruction"),
            (400, "a_code_of_tomorrow", "instruction"),
            (402, "card_declined", "instruction"),
            (401, "api_key_expired", "platform_balance"),
            (403, "more_permissions_required", "platform_balance"),
        ],
    )
    def test_is_a_refusal_in_stripes_own_words_and_its_class_picks_what_follows(
        self, fake: FakeStripe, rail: StripeTransfers, status: int, code: str, error_class: str
    ) -> None:
        kind = "card_error" if status == 402 else "invalid_request_error"
        fake.fault("error", status=status, type=kind, code=code, message="No.")

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Declined)
        assert (outcome.code, outcome.error_class, outcome.message) == (code, error_class, "No.")
        assert outcome.request_id is not None
        assert moved(fake) == []

    def test_has_a_code_also_where_stripe_gives_none(self, fake: FakeStripe, rail: StripeTransfers) -> None:
        fake.fault("error", status=400, type="invalid_request_error")

        outcome = rail.send(ORDER)

        assert isinstance(outcome, Declined)
        assert (outcome.code, outcome.error_class) == ("invalid_request", "instruction")

    @pytest.mark.parametrize("status", [401, 403])
    def test_is_never_a_key_that_went_out_before_and_was_not_even_looked_at(
        self, fake: FakeStripe, rail: StripeTransfers, status: int
    ) -> None:
        fake.fault("drop_after")
        rail.send(ORDER)
        fake.fault("error", status=status, type="invalid_request_error", kept=False)

        outcome = rail.send(AGAIN)

        assert isinstance(outcome, Unknown)
        assert outcome.ask_again
        assert moved(fake) == [24_75]

    def test_is_what_the_fake_says_of_accounts_and_funds_that_are_not_there(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.platform.add_account("acct_2", capabilities={"transfers": "inactive"})
        fake.platform.funds["eur"] = 24_74

        outcomes = [
            rail.send(replace(order(**params), key=f"po_{n}_1"))
            for n, params in enumerate(
                ({"destination": "acct_9"}, {"destination": "acct_2"}, {"currency": "EUR"})
            )
        ]

        assert [outcome.code for outcome in outcomes if isinstance(outcome, Declined)] == [
            "resource_missing",
            "insufficient_capabilities_for_transfer",
            "balance_insufficient",
        ]
        assert moved(fake) == []

    @pytest.mark.parametrize(
        "params",
        [
            {"method": "paypal", "destination": "email:0123456789abcdef"},
            {"destination": "email:0123456789abcdef"},
            {"currency": "KWD", "amount_minor": 24_751},
            {"currency": "IQD"},
        ],
    )
    def test_is_what_stripe_cannot_do_and_nothing_leaves(
        self, fake: FakeStripe, rail: StripeTransfers, params: dict[str, object]
    ) -> None:
        outcome = rail.send(order(**params))

        assert isinstance(outcome, Declined)
        assert (outcome.code, outcome.error_class) == ("cannot_be_sent", "instruction")
        assert fake.service.asked == []


class TestInstant:
    INSTANT = order(method="stripe_instant")

    def test_is_the_same_transfer_and_a_payout_from_the_partners_own_balance_once(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        first, second = rail.send(self.INSTANT), rail.send(replace(self.INSTANT, asked_before=True))

        [payout] = fake.platform.payouts
        assert isinstance(first, Succeeded)
        assert first.message == f"Instant payout {payout['id']}"
        assert isinstance(second, Succeeded)
        assert second.message == first.message
        assert (payout["account"], payout["amount"], payout["method"]) == ("acct_1", 24_75, "instant")
        assert moved(fake) == [24_75]
        assert [asked.key for asked in fake.asked("POST", "/v1/payouts")] == [f"{ORDER.key}_instant"] * 2

    def test_is_asked_for_only_once_the_transfer_is_certain(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.fault("drop_after")
        assert isinstance(rail.send(self.INSTANT), Unknown)
        assert fake.platform.payouts == []

        assert isinstance(rail.send(replace(self.INSTANT, asked_before=True)), Succeeded)

        assert len(fake.platform.payouts) == len(moved(fake)) == 1

    @pytest.mark.parametrize("kind", ["error", "drop_after", "html"])
    def test_that_goes_wrong_leaves_the_transfer_paid_and_says_so(
        self, fake: FakeStripe, rail: StripeTransfers, kind: Kind
    ) -> None:
        fake.fault(kind, path="/v1/payouts", message="Not eligible for instant payouts")

        outcome = rail.send(self.INSTANT)

        assert isinstance(outcome, Succeeded)
        assert str(outcome.message).startswith("The instant payout is open, and if it was not made")
        assert moved(fake) == [24_75]

    def test_is_not_asked_for_where_a_standard_transfer_is(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        rail.send(ORDER)

        assert fake.asked("POST", "/v1/payouts") == []


def test_the_table_ends_in_unknown() -> None:
    assert (TABLE[-1].situation, TABLE[-1].meaning) == ("anything else", "unknown")
