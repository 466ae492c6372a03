"""The whole way through Stripe: approved at the desk, sent by the rail, and both books agree to the cent."""

from datetime import timedelta

import pytest

from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import StripeRefused
from core.resolving import resolve_due
from core.sending import send_due
from tests.desk import DAY, HOUR, NOW, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Kind
from tests.stripe.rails import Seconds, moved

MINUTE = timedelta(minutes=1)


@pytest.fixture
def payout(desk: Desk, fake: FakeStripe) -> int:
    """25.00 approved, of 100.00 there, to an account the fake knows."""
    assert "acct_1" in fake.platform.accounts
    return desk.approved("AFF1", "25.00")


def posts(fake: FakeStripe) -> int:
    return len(fake.asked("POST", "/v1/transfers"))


class TestThroughStripe:
    def test_an_approved_payout_is_paid_once_and_both_books_agree(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)

        for _ in range(3):
            send_due(desk.engine, rail, now=NOW)

        [entry] = fake.books()
        assert desk.status(payout) == "paid"
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)
        assert (entry.amount, entry.currency, entry.destination) == (24_75, "usd", "acct_1")
        assert entry.transfer_group == desk.scalar("SELECT ref::text FROM payout WHERE id = :id", id=payout)
        assert desk.scalar("SELECT provider_ref FROM attempt") == entry.id
        assert str(desk.scalar("SELECT request_id FROM attempt")).startswith("req_")
        assert desk.faults() == []

    @pytest.mark.parametrize("kind", ["refuse", "drop_before", "drop_after", "half_body", "html", "empty"])
    def test_an_answer_that_got_lost_is_asked_for_under_the_same_key_and_pays_once(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int, kind: Kind
    ) -> None:
        fake.fault(kind)

        assert send_due(desk.engine, rail, now=NOW).unknown == 1
        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)
        fake.clock.advance(MINUTE)
        assert resolve_due(desk.engine, rail, now=NOW + MINUTE).succeeded == 1

        keys = {asked.key for asked in fake.asked("POST", "/v1/transfers")}
        assert (posts(fake), len(keys)) == (2, 1)
        assert moved(fake) == [24_75]
        assert desk.status(payout) == "paid"
        assert desk.faults() == []

    def test_a_key_that_stripe_may_have_forgotten_is_never_sent_again_but_found(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_after")
        send_due(desk.engine, rail, now=NOW)
        fake.clock.advance(25 * HOUR)

        resolve_due(desk.engine, rail, now=NOW + 25 * HOUR)

        assert posts(fake) == 1
        assert moved(fake) == [24_75]
        assert desk.status(payout) == "paid"
        assert desk.scalar("SELECT provider_ref FROM attempt") == fake.books()[0].id
        assert desk.faults() == []

    def test_a_5xx_that_stripe_repeats_for_the_key_ends_in_what_its_books_say(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("error_after", status=500)
        now = NOW
        send_due(desk.engine, rail, now=now)
        while desk.status(payout) == "processing" and now < NOW + 2 * DAY:
            now += HOUR
            fake.clock.advance(HOUR)
            resolve_due(desk.engine, rail, now=now)

        assert desk.status(payout) == "paid"
        assert now == NOW + 23 * HOUR
        assert moved(fake) == [24_75]
        assert desk.faults() == []

    def test_what_stripe_never_got_waits_for_people_after_three_looks_and_is_not_sent_again(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_before")
        send_due(desk.engine, rail, now=NOW)
        for hours in range(25, 30):
            resolve_due(desk.engine, rail, now=NOW + hours * HOUR)

        assert posts(fake) == 1
        assert desk.scalar("SELECT absent_looks FROM attempt") == 3
        assert desk.scalar("SELECT next_look_at FROM attempt") is None
        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1").reserved == 25_00
        assert moved(fake) == []

    def test_a_list_that_lags_is_looked_at_again_and_the_transfer_adopted(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_after")
        send_due(desk.engine, rail, now=NOW)
        fake.platform.list_lag = 25 * HOUR + 10 * MINUTE
        fake.clock.advance(25 * HOUR)
        resolve_due(desk.engine, rail, now=NOW + 25 * HOUR)
        assert desk.status(payout) == "processing"

        fake.clock.advance(HOUR)
        resolve_due(desk.engine, rail, now=NOW + 26 * HOUR)

        assert (posts(fake), moved(fake), desk.status(payout)) == (1, [24_75], "paid")
        assert desk.faults() == []

    def test_a_transfer_of_another_amount_is_never_booked_and_waits_for_people(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("alter", values={"amount": "2476"})

        send_due(desk.engine, rail, now=NOW)
        for hours in (1, 25, 26, 27, 28):
            resolve_due(desk.engine, rail, now=NOW + hours * HOUR)

        assert (posts(fake), moved(fake)) == (1, [24_76])
        assert desk.status(payout) == "processing"
        assert desk.column("SELECT state || ' ' || code FROM attempt") == ["unknown wrong_transfer"]
        assert desk.scalar("SELECT next_look_at FROM attempt") is None
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)

    def test_a_key_of_ours_that_is_refused_when_asked_again_releases_nothing(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_after")
        send_due(desk.engine, rail, now=NOW)
        fake.service.secret_key = "sk_test_rolled"

        resolve_due(desk.engine, rail, now=NOW + MINUTE)

        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1").reserved == 25_00
        fake.service.secret_key = None
        resolve_due(desk.engine, rail, now=NOW + 6 * MINUTE)
        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])

    def test_an_empty_balance_spends_no_retry_and_sending_goes_on_when_it_is_covered(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds, payout: int
    ) -> None:
        fake.platform.funds["usd"] = 24_74

        assert send_due(desk.engine, rail, now=NOW).count == 0
        assert desk.status(payout) == "approved"
        fake.platform.funds["usd"] = 24_75
        seconds.now_s += 6  # what is known of the balance grows old
        send_due(desk.engine, rail, now=NOW + MINUTE)

        assert (desk.status(payout), moved(fake), rail.balance_minor("USD")) == ("paid", [24_75], 0)
        assert desk.scalar("SELECT count(*) FROM attempt") == 1
        assert desk.faults() == []

    def test_a_refusal_remembered_under_its_key_is_tried_again_under_a_new_one(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, seconds: Seconds, payout: int
    ) -> None:
        fake.fault("error", status=400, type="invalid_request_error", code="balance_insufficient")
        send_due(desk.engine, rail, now=NOW)
        assert desk.status(payout) == "approved"

        seconds.now_s += 61
        send_due(desk.engine, rail, now=NOW + MINUTE)

        assert [asked.key for asked in fake.asked("POST", "/v1/transfers")] == desk.column(
            "SELECT idem_key FROM attempt ORDER BY n"
        )
        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])
        assert desk.faults() == []

    def test_a_day_without_stripe_claims_nothing_and_is_made_up_for_once(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.stop()
        for hours in range(26):
            with pytest.raises(StripeRefused):
                send_due(desk.engine, rail, now=NOW + hours * HOUR)
        assert desk.status(payout) == "approved"
        assert desk.scalar("SELECT count(*) FROM attempt") == 0

        fake.start()
        send_due(desk.engine, rail, now=NOW + 26 * HOUR)

        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])
        assert desk.faults() == []

    def test_forty_payouts_over_many_threads_with_every_third_answer_lost_are_paid_once_each(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        payouts = [desk.approved(f"AFF{number}", "25.00") for number in range(40)]
        keys = [f"po_{ref}_1" for ref in desk.column("SELECT ref::text FROM payout ORDER BY id")]
        for key in keys[::3]:
            fake.fault("drop_after", key=key)

        result = send_due(desk.engine, rail, now=NOW)
        assert (result.succeeded, result.unknown) == (26, 14)
        resolve_due(desk.engine, rail, now=NOW + MINUTE)

        assert {desk.status(payout) for payout in payouts} == {"paid"}
        assert moved(fake) == [24_75] * 40
        assert sorted(str(entry.key) for entry in fake.books()) == sorted(keys)
        assert (
            desk.scalar("SELECT sum(amount_minor) FROM ledger_transfer WHERE kind = 'settle'") == 40 * 24_75
        )
        assert desk.faults() == []
