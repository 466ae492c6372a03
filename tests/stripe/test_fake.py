"""The fake keeps Stripe's promises, and breaks them only when told to: else what it proves is worth nothing."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
import stripe

from tests.desk import NOW
from tests.stripe.fake import FakeStripe, read_form
from tests.stripe.faults import Gate
from tests.stripe.rails import TEST_KEY

HOUR = timedelta(hours=1)
OPTIONS: stripe.RequestOptions = {"idempotency_key": "k1"}


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(at=NOW) as fake:
        fake.platform.add_account("acct_1")
        yield fake


@pytest.fixture
def client(fake: FakeStripe) -> stripe.StripeClient:
    return stripe.StripeClient(
        TEST_KEY, base_addresses={"api": fake.url}, max_network_retries=0, http_client=stripe.RequestsClient()
    )


def transfer(
    client: stripe.StripeClient, amount: int = 24_75, key: str = "k1", group: str = "g1"
) -> stripe.Transfer:
    return client.v1.transfers.create(
        {"amount": amount, "currency": "usd", "destination": "acct_1", "transfer_group": group},
        options={"idempotency_key": key},
    )


def header(made: stripe.Transfer, name: str) -> str | None:
    assert made.last_response is not None
    value: str | None = made.last_response.headers.get(name)
    return value


class TestKeys:
    def test_replay_the_first_result_and_say_so(self, fake: FakeStripe, client: stripe.StripeClient) -> None:
        first, second = transfer(client), transfer(client)

        assert first.id == second.id
        assert header(first, "Idempotent-Replayed") is None
        assert header(second, "Idempotent-Replayed") == "true"
        assert header(second, "Original-Request") == header(first, "Request-Id")
        assert len(fake.books()) == 1

    def test_replay_what_was_answered_then_not_what_became_of_it(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        first = transfer(client)
        fake.platform.reverse(first.id, {}, key=None)

        assert transfer(client).amount_reversed == 0

    def test_remember_a_refusal_that_was_executed_even_when_its_cause_is_gone(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        fake.platform.funds["usd"] = 0
        for _ in range(2):
            with pytest.raises(stripe.InvalidRequestError, match="insufficient available funds"):
                transfer(client)
            fake.platform.funds["usd"] = 100_00

        assert transfer(client, key="k2").amount == 24_75

    def test_remember_nothing_of_a_request_that_is_not_valid(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="Invalid positive integer"):
            transfer(client, amount=-1)

        assert transfer(client).amount == 24_75
        assert len(fake.books()) == 1

    def test_remember_nothing_of_a_request_over_the_limit(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        fake.service.limit_per_s = 0
        with pytest.raises(stripe.RateLimitError):
            transfer(client)
        fake.service.limit_per_s = None

        assert header(transfer(client), "Idempotent-Replayed") is None

    def test_are_refused_for_other_parameters(self, fake: FakeStripe, client: stripe.StripeClient) -> None:
        transfer(client)

        with pytest.raises(stripe.IdempotencyError):
            transfer(client, amount=24_76)
        assert len(fake.books()) == 1

    def test_are_refused_while_in_flight(self, fake: FakeStripe, client: stripe.StripeClient) -> None:
        gate = Gate()
        fake.fault("delay_before", gate=gate)
        first = Thread(target=transfer, args=(client,))
        first.start()
        assert gate.arrived.wait(60)

        with pytest.raises(stripe.APIError, match="in-progress") as caught:
            transfer(client)
        gate.opened.set()
        first.join()

        assert caught.value.http_status == 409
        assert len(fake.books()) == 1

    def test_are_forgotten_after_24_hours_and_then_pay_a_second_time(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        first = transfer(client)
        fake.clock.advance(24 * HOUR - timedelta(seconds=1))
        assert transfer(client).id == first.id

        fake.clock.advance(timedelta(seconds=1))

        assert transfer(client).id != first.id
        assert len(fake.books()) == 2

    def test_inside_the_form_are_an_unknown_parameter(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: idempotency_key"):
            client.v1.transfers.create(
                {"amount": 1, "currency": "usd", "destination": "acct_1", "idempotency_key": "k1"}
            )
        assert fake.books() == ()


class TestLists:
    def test_come_in_pages_newest_first_whole_and_without_repeats(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        made = [transfer(client, key=f"k{n}", group=f"g{n % 2}").id for n in range(9)]

        listed = client.v1.transfers.list({"limit": 2, "transfer_group": "g0"})

        assert [one.id for one in listed.auto_paging_iter()] == made[::-1][::2]
        assert [one.id for one in client.v1.transfers.list({"limit": 3, "ending_before": made[4]}).data] == [
            made[7],
            made[6],
            made[5],
        ]
        assert len(fake.asked("GET", "/v1/transfers")) == 4

    def test_keep_to_destination_and_window(self, fake: FakeStripe, client: stripe.StripeClient) -> None:
        early = transfer(client, key="k1").id
        fake.clock.advance(HOUR)
        late = transfer(client, key="k2").id
        since = int(fake.clock.now().timestamp())

        def ids(params: dict[str, object]) -> list[str]:
            return [one.id for one in client.v1.transfers.list(params).data]  # type: ignore[arg-type]

        assert ids({"created": {"gte": since}}) == [late]
        assert ids({"created": {"lt": since}}) == [early]
        assert ids({"destination": "acct_1"}) == [late, early]
        assert ids({"destination": "acct_2"}) == []

    def test_lag_as_long_as_told_while_the_object_itself_is_there(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        fake.platform.list_lag = timedelta(minutes=10)
        made = transfer(client)

        assert client.v1.transfers.list().data == []
        assert client.v1.transfers.retrieve(made.id).amount == 24_75
        fake.clock.advance(timedelta(minutes=10))
        assert [one.id for one in client.v1.transfers.list().data] == [made.id]

    def test_of_events_tell_what_happened_by_kind_and_account_for_30_days(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        transfer(client)
        fake.platform.change_account("acct_1", payouts_enabled=False)

        [made] = client.v1.events.list({"types": ["transfer.created"]}).data
        [changed] = client.v1.events.list(options={"stripe_account": "acct_1"}).data

        assert made.request is not None
        assert (made.type, made.request.idempotency_key) == ("transfer.created", "k1")
        assert (changed.type, changed.account) == ("account.updated", "acct_1")
        fake.clock.advance(timedelta(days=31))
        assert client.v1.events.list().data == []


class TestBooks:
    def test_hold_every_movement_and_the_balance_is_what_they_leave(
        self, fake: FakeStripe, client: stripe.StripeClient
    ) -> None:
        fake.platform.funds["usd"] = 100_00
        made = transfer(client)
        client.v1.transfers.reversals.create(
            made.id, {"amount": 4_75}, options=OPTIONS | {"idempotency_key": "r1"}
        )
        client.v1.transfers.reversals.create(made.id, options=OPTIONS | {"idempotency_key": "r2"})

        with pytest.raises(stripe.InvalidRequestError, match="unreversed amount"):
            client.v1.transfers.reversals.create(made.id, {"amount": 1})

        assert [(entry.kind, entry.amount) for entry in fake.books()] == [
            ("transfer", 24_75),
            ("reversal", 4_75),
            ("reversal", 20_00),
        ]
        assert client.v1.transfers.retrieve(made.id).reversed is True
        assert [each.amount for each in client.v1.balance.retrieve().available if each.currency == "usd"] == [
            100_00
        ]


def test_a_form_is_read_as_stripe_reads_it() -> None:
    assert read_form("a=1&m%5Bk%5D=v&types%5B0%5D=x&types%5B1%5D=y&e%5B%5D=z") == {
        "a": "1",
        "m": {"k": "v"},
        "types": ["x", "y"],
        "e": ["z"],
    }


def test_a_person_can_start_it_steer_it_and_read_its_books() -> None:
    command = [sys.executable, "-m", "tests.stripe.fake", "--port", "0"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split(" at ")[1].split(";")[0]

            def steer(path: str, told: object = None) -> object:
                content = None if told is None else json.dumps(told).encode()
                with urllib.request.urlopen(f"{url}/fake/{path}", content, timeout=60) as answer:  # noqa: S310 - its own address
                    return json.load(answer)

            steer("faults", {"kind": "drop_after"})
            client = stripe.StripeClient(
                TEST_KEY, base_addresses={"api": url}, http_client=stripe.RequestsClient(timeout=60)
            )
            with pytest.raises(stripe.APIConnectionError):
                transfer(client)
            made = transfer(client)

            books = steer("books")
            assert isinstance(books, list)
            assert [(entry["id"], entry["amount"]) for entry in books] == [(made.id, 24_75)]
            with pytest.raises(urllib.error.HTTPError):
                steer("nowhere", {})
        finally:
            process.terminate()
