"""The sender's safety: nothing is sent twice after a restore, what is adopted is there, what was seen and asked for is kept."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.safety import (
    adopt,
    balance_seen,
    begin_adopting,
    reconcile_request,
    transfer_of,
)
from tests.db.law import bad_rows, commits, proves, refused, state


@pytest.fixture
def approved(owner: Connection) -> int:
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    b.approve(owner, payout)
    return payout


@proves("attempt.paid_already", "paid_already")
def test_a_payout_that_was_paid_by_a_forgotten_transfer_begins_no_attempt(
    owner: Connection, approved: int
) -> None:
    transfer_of(owner, approved)
    with refused(owner, "paid_already"):
        b.claim(owner, approved)


def test_another_providers_transfer_says_nothing_about_this_one(owner: Connection, approved: int) -> None:
    transfer_of(owner, approved, provider="stripe")
    b.claim(owner, approved)
    assert b.status_of(owner, approved) == "processing"


def test_an_adopted_transfer_is_booked_while_sending_is_stopped(owner: Connection, approved: int) -> None:
    b.stop(owner)
    transfer_of(owner, approved)
    adopt(owner, approved)
    commits(owner)
    assert b.status_of(owner, approved) == "paid"


@proves("attempt.adopts_what_is_there", "adopts_what_is_there")
@pytest.mark.parametrize(
    "different",
    [
        {"provider_ref": "po_other"},
        {"provider": "stripe"},
        {"transfer_group": "7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c"},
        {"amount_minor": 100_01},
        {"currency": "EUR"},
        {"destination": "acct_2"},
    ],
)
def test_only_a_transfer_of_exactly_this_payout_is_adopted(
    owner: Connection, approved: int, different: dict[str, object]
) -> None:
    transfer_of(owner, approved, **different)
    with refused(owner, "adopts_what_is_there"):
        adopt(owner, approved)


@proves("attempt.adoption_is_made_at_once", "adoption_is_made_at_once")
def test_an_adoption_that_is_not_booked_at_once_is_none(owner: Connection, approved: int) -> None:
    transfer_of(owner, approved)
    with refused(owner, "adoption_is_made_at_once"):
        begin_adopting(owner, approved)
    with refused(owner, "adoption_is_made_at_once"):
        begin_adopting(owner, approved)
        b.end_attempt(owner, approved, "unknown")


@proves("attempt.adoption_is_frozen", "adoption_is_frozen")
@pytest.mark.parametrize("adopts", ["'po_else'", "NULL"])
def test_what_an_attempt_adopts_never_changes(owner: Connection, approved: int, adopts: str) -> None:
    transfer_of(owner, approved)
    adopt(owner, approved)
    with refused(owner, "adoption_is_frozen"):
        owner.execute(text(f"UPDATE attempt SET adopts = {adopts}"))  # noqa: S608


@bad_rows(
    "balance_seen",
    ("seen_after_the_look_before", {"since": b.NOW}),
    ("sent_not_below_zero", {"sent_minor": -1}),
    ("returned_not_below_zero", {"returned_minor": -1}),
)
def test_a_balance_is_seen_after_the_one_before(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        balance_seen(owner, **different)
    balance_seen(owner, balance_minor=None, since=None)


@proves("balance_seen.balance_seen_pkey")
def test_a_balance_is_seen_once_at_an_instant(owner: Connection) -> None:
    balance_seen(owner)
    with refused(owner, "balance_seen_pkey"):
        balance_seen(owner)
    balance_seen(owner, currency="EUR")


@bad_rows(
    "reconcile_request",
    ("request_begins_before_it_ends", {"ended_at": b.NOW}),
    ("only_an_ended_request_failed", {"fault": "Stripe could not be asked"}),
)
def test_a_request_begins_ends_and_then_says_how(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        reconcile_request(owner, **different)
    reconcile_request(owner, began_at=b.NOW, ended_at=b.NOW, fault="Stripe could not be asked")


@proves("reconcile_request.one_open_reconcile_request")
def test_one_request_is_open_at_a_time(owner: Connection) -> None:
    reconcile_request(owner)
    with refused(owner, "one_open_reconcile_request"):
        reconcile_request(owner)
    owner.execute(text("UPDATE reconcile_request SET began_at = asked_at, ended_at = asked_at"))
    reconcile_request(owner)


@proves("reconcile_request.reconcile_request_ends_once", "reconcile_request_ends_once")
@pytest.mark.parametrize(
    "change",
    [
        "asked_by = 'user:bob'",
        "asked_at = asked_at - interval '1 day'",
        "fault = 'something else'",
        "ended_at = NULL",
    ],
)
def test_who_asked_and_how_it_ended_stays(owner: Connection, change: str) -> None:
    reconcile_request(owner, began_at=b.NOW, ended_at=b.NOW)
    with refused(owner, "reconcile_request_ends_once"):
        owner.execute(text(f"UPDATE reconcile_request SET {change}"))  # noqa: S608


@proves("balance_seen.history", "reconcile_request.reconcile_request_is_kept")
@pytest.mark.parametrize(
    "act",
    [
        "UPDATE balance_seen SET balance_minor = 0",
        "DELETE FROM balance_seen",
        "TRUNCATE balance_seen",
        "DELETE FROM reconcile_request",
        "TRUNCATE reconcile_request",
    ],
)
def test_what_was_seen_and_asked_for_is_kept(owner: Connection, act: str) -> None:
    balance_seen(owner)
    reconcile_request(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE balance_seen SET balance_minor = 0",
        "DELETE FROM balance_seen",
        "DELETE FROM reconcile_request",
        "UPDATE reconcile_request SET asked_by = 'user:eve'",
        "ALTER TABLE attempt DISABLE TRIGGER paid_already",
    ],
)
def test_the_app_cannot_rewrite_it(owner: Connection, act: str) -> None:
    balance_seen(owner)
    reconcile_request(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before
