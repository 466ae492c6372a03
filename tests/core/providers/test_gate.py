"""Before a process sends for the first time: the right account, the provider's books, ours. Nothing is held meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from core.gate import Gate
from core.providers.stripe import StripeTransfers
from core.providers.stripe_answers import StripeRefused, WrongAccount
from core.resolving import resolve_due
from core.sending import send_due
from core.stops import SendingStopped, Stop, current_stop
from db.engine import make_engine
from tests.core.agreeing import started_again
from tests.desk import DAY, HOUR, NOW, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import moved, rail_to

MINUTE = timedelta(minutes=1)
GROUP = "0b54b1b5-6f10-4f0f-9a51-7d5d0d4f1c11"


def lists(fake: FakeStripe) -> int:
    """How often the provider's transfers were listed."""
    return len(fake.asked("GET", "/v1/transfers"))


def stray(fake: FakeStripe) -> str:
    """A transfer of ours that this database never heard of."""
    params = {"amount": "100", "currency": "usd", "destination": "acct_1", "transfer_group": GROUP}
    return str(fake.platform.create_transfer(params, key=None)["id"])


def stop_of(desk: Desk) -> Stop | None:
    with desk.engine.connect() as conn:
        return current_stop(conn)


def test_opens_once_and_stays_open(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
    payout, gate = desk.approved(), Gate()

    assert send_due(desk.engine, rail, now=NOW, gate=gate).succeeded == 1
    looks = lists(fake)
    stray(fake)
    assert send_due(desk.engine, rail, now=NOW + DAY, gate=gate).count == 0

    assert (desk.status(payout), looks, lists(fake)) == ("paid", 1, 1)
    assert stop_of(desk) is None


def test_a_key_of_another_account_sends_nothing_and_says_so(desk: Desk, fake: FakeStripe) -> None:
    payout = desk.approved()

    with pytest.raises(WrongAccount) as caught:
        send_due(desk.engine, rail_to(fake, account_id="acct_other"), now=NOW, gate=Gate())

    assert "belongs to acct_platform, not to acct_other" in str(caught.value)
    assert (desk.status(payout), moved(fake)) == ("approved", [])
    assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)


def test_with_nothing_to_send_the_account_is_compared_all_the_same(desk: Desk, fake: FakeStripe) -> None:
    with pytest.raises(WrongAccount):
        send_due(desk.engine, rail_to(fake, account_id="acct_other"), now=NOW, gate=Gate())


def test_a_provider_that_cannot_be_asked_keeps_it_shut_until_it_can(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout, gate = desk.approved(), Gate()
    fake.stop()
    for _ in range(3):
        with pytest.raises(StripeRefused):
            send_due(desk.engine, rail, now=NOW, gate=gate)
    assert desk.status(payout) == "approved"
    fake.start()

    assert send_due(desk.engine, rail, now=NOW, gate=gate).succeeded == 1
    assert moved(fake) == [24_75]


def test_a_transfer_of_ours_without_an_attempt_stops_sending_with_the_evidence(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout, gate, ref = desk.approved(), Gate(), stray(fake)

    assert send_due(desk.engine, rail, now=NOW + HOUR, gate=gate).count == 0

    stop = stop_of(desk)
    assert stop is not None
    assert (stop.stopped_by, ref in stop.why) == ("job:send", True)
    assert (desk.status(payout), moved(fake)) == ("approved", [100])
    with pytest.raises(SendingStopped):
        send_due(desk.engine, rail, now=NOW + HOUR, gate=gate, only=payout)


def test_started_again_without_an_explanation_it_is_stopped_again(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout, gate = desk.approved(), Gate()
    stray(fake)
    send_due(desk.engine, rail, now=NOW + HOUR, gate=gate)
    first = stop_of(desk)
    assert first is not None
    started_again(desk, first)  # before any comparison has written the difference down

    assert send_due(desk.engine, rail, now=NOW + HOUR, gate=gate).count == 0

    second = stop_of(desk)
    assert second is not None
    assert second.id != first.id
    assert (desk.status(payout), moved(fake)) == ("approved", [100])


def test_a_transfer_made_by_hand_is_no_reason_to_stop(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    params = {"amount": "100", "currency": "usd", "destination": "acct_1", "transfer_group": "party"}
    fake.platform.create_transfer(params, key=None)
    payout = desk.approved()

    assert send_due(desk.engine, rail, now=NOW, gate=Gate()).succeeded == 1
    assert (desk.status(payout), stop_of(desk)) == ("paid", None)


def test_an_answer_that_was_lost_is_no_reason_to_stop(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout = desk.approved()
    fake.fault("drop_after")
    send_due(desk.engine, rail, now=NOW, gate=Gate())
    assert desk.status(payout) == "processing"

    send_due(desk.engine, rail, now=NOW + MINUTE, gate=Gate())

    assert stop_of(desk) is None


def test_books_that_do_not_hold_stop_sending_before_anything_leaves(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, database: str
) -> None:
    payout = desk.approved()
    spoil(database, "UPDATE partner_balance SET paid = paid + 1")

    assert send_due(desk.engine, rail, now=NOW, gate=Gate()).count == 0

    stop = stop_of(desk)
    assert stop is not None
    assert "balances equal the ledger (1)" in stop.why
    assert (desk.status(payout), moved(fake)) == ("approved", [])


def test_what_the_check_found_a_moment_ago_is_not_computed_again(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, database: str
) -> None:
    desk.approved()
    spoil(database, "UPDATE partner_balance SET paid = paid + 1")
    spoil(database, "INSERT INTO heartbeat (job, beat_at) VALUES ('check', now() - interval '9 minutes')")

    assert send_due(desk.engine, rail, now=NOW, gate=Gate()).succeeded == 1
    assert moved(fake) == [24_75]


def test_until_it_opens_what_got_no_answer_is_only_looked_up(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout = desk.approved()
    fake.fault("drop_before")
    send_due(desk.engine, rail, now=NOW)
    stray(fake)

    resolve_due(desk.engine, rail, now=NOW + HOUR, gate=Gate())

    assert len(fake.asked("POST", "/v1/transfers")) == 1
    assert (desk.status(payout), moved(fake)) == ("processing", [100])
    stop = stop_of(desk)
    assert stop is not None
    assert stop.stopped_by == "job:resolve"


def test_a_dry_run_neither_asks_nor_stops(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> None:
    desk.approved()
    stray(fake)

    assert send_due(desk.engine, rail, now=NOW, gate=Gate(), dry_run=True).count == 1
    assert (lists(fake), stop_of(desk)) == (0, None)


def test_two_transfers_of_one_payout_seen_by_a_look_stop_sending(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers
) -> None:
    payout = desk.approved()
    fake.fault("drop_after")
    send_due(desk.engine, rail, now=NOW)
    (entry,) = fake.books()
    params = {"amount": "2475", "currency": "usd", "destination": "acct_1"}
    fake.platform.create_transfer(params | {"transfer_group": entry.transfer_group}, key=None)
    fake.clock.advance(25 * HOUR)

    resolve_due(desk.engine, rail, now=NOW + 25 * HOUR)

    stop = stop_of(desk)
    assert stop is not None
    assert f"more than one transfer for payout {payout}" in stop.why
    assert desk.status(payout) == "processing"


def spoil(database: str, statement: str) -> None:
    """Change what no operation changes, as the schema's owner, past all triggers."""
    owner = make_engine(database, application_name="spoiling", pool_size=1)
    with owner.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))
        conn.execute(text(statement))
    owner.dispose()
