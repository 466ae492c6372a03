"""Reconciliation: the mirror is kept, a difference names what it is about, is open once, and is closed once by a person."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.reconciling import close_difference, difference, reconciliation, shown
from tests.db.law import bad_rows, proves, refused, state


@bad_rows(
    "provider_transfer",
    ("provider_amount_is_positive", {"amount_minor": 0}),
    ("provider_currency_is_upper_case", {"currency": "usd"}),
    ("reversed_within_the_transfer", {"reversed_minor": 77_01}),
    ("reversed_within_the_transfer", {"reversed_minor": -1}),
)
def test_a_transfer_is_of_some_money_and_no_more_of_it_came_back(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        shown(owner, **different)
    shown(owner)


@proves("provider_transfer.provider_transfer_pkey")
def test_a_transfer_is_mirrored_once(owner: Connection) -> None:
    shown(owner)
    with refused(owner, "provider_transfer_pkey"):
        shown(owner)
    shown(owner, provider="stripe")


@pytest.mark.parametrize(
    ("group", "payout"),
    [
        ("7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c", "7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c"),
        ("7D1B2C64-9F3F-4A5E-8C52-0A6F8E1D2B3C", None),
        ("7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c\n", None),
        ("summer party", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_group_of_our_making_names_a_payout(
    owner: Connection, group: str | None, payout: str | None
) -> None:
    shown(owner, transfer_group=group)
    assert owner.execute(text("SELECT payout_ref::text FROM provider_transfer")).scalar_one() == payout


@proves(
    "provider_transfer.mirror_is_kept",
    "reconciliation.history",
    "difference.difference_is_kept",
    "history_is_added_to_never_edited",
)
@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM provider_transfer",
        "TRUNCATE provider_transfer",
        "DELETE FROM reconciliation",
        "UPDATE reconciliation SET transfers = 0",
        "TRUNCATE reconciliation CASCADE",
        "DELETE FROM difference",
        "TRUNCATE difference",
    ],
)
def test_what_was_seen_and_found_is_kept(owner: Connection, act: str) -> None:
    shown(owner)
    difference(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@bad_rows("reconciliation", ("reconciled_some_time", {"since": b.NOW}))
def test_a_run_covers_some_time(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        reconciliation(owner, **different)
    reconciliation(owner)


@proves("reconciled_day.reconciled_day_pkey")
def test_a_day_is_reconciled_once_per_provider_and_currency(owner: Connection) -> None:
    day = {"provider": "simulator", "day": b.NOW.date(), "currency": "USD"}
    figures = {"ours": 1, "ours_minor": 25_00, "theirs": 1, "theirs_minor": 25_00}
    b.insert(owner, "reconciled_day", day | figures)
    with refused(owner, "reconciled_day_pkey"):
        b.insert(owner, "reconciled_day", day | figures)
    b.insert(owner, "reconciled_day", day | figures | {"currency": "EUR"})


@bad_rows(
    "difference",
    ("declared_difference", {"kind": "odd"}),
    ("difference_names_its_transfer", {"provider_ref": None}),
    ("difference_names_its_transfer", {"kind": "total"}),
    ("difference_names_its_payout", {"kind": "missing_there"}),
    ("difference_names_its_payout", {"kind": "wrong_amount"}),
    ("difference_names_its_payout", {"kind": "wrong_destination"}),
    ("difference_of_some_money", {"amount_minor": 0}),
)
def test_a_difference_names_what_it_is_about(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        difference(owner, different)
    difference(owner)
    difference(owner, {"kind": "total", "thing": "2026-03-02 USD acct_1", "provider_ref": None})


@proves("difference.one_open_difference")
def test_one_row_is_open_per_thing(owner: Connection) -> None:
    first = difference(owner)
    with refused(owner, "one_open_difference"):
        difference(owner)
    difference(owner, {"thing": "po_other"})
    difference(owner, {"provider": "stripe"})
    difference(owner, {"kind": "duplicate"})
    close_difference(owner, first)
    difference(owner)


@bad_rows(
    "difference",
    ("difference_closed_whole", {"closed_by": None}),
    ("difference_closed_whole", {"closed_at": None}),
    ("difference_closed_whole", {"close_reason": None}),
    ("difference_closed_by_a_person", {"closed_by": "job:reconcile"}),
    ("difference_closed_by_a_person", {"closed_by": "user:"}),
    ("difference_closing_says_why", {"close_reason": ""}),
)
def test_a_person_closes_it_and_says_why(owner: Connection, rule: str, different: dict[str, object]) -> None:
    found = difference(owner)
    with refused(owner, rule):
        close_difference(owner, found, **different)
    close_difference(owner, found)


@proves("difference.difference_is_closed_once", "difference_is_closed_once", "difference_begins_open")
def test_a_difference_begins_open_and_is_closed_once(owner: Connection) -> None:
    closed = {"closed_at": b.NOW, "closed_by": "user:ann", "close_reason": "seen"}
    with refused(owner, "difference_begins_open"):
        difference(owner, closed)
    found = difference(owner)
    close_difference(owner, found)
    with refused(owner, "difference_is_closed_once"):
        close_difference(owner, found, close_reason="something else")
    with refused(owner, "difference_is_closed_once"):
        close_difference(owner, found, closed_at=None, closed_by=None, close_reason=None)


@proves("difference_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "kind = 'duplicate'",
        "thing = 'po_x'",
        "provider = 'stripe'",
        "provider_ref = 'po_x'",
        "at = at - interval '1 day'",
        "found_at = found_at - interval '1 day'",
    ],
)
def test_what_differs_never_changes(owner: Connection, change: str) -> None:
    difference(owner)
    with refused(owner, "difference_is_frozen"):
        owner.execute(text(f"UPDATE difference SET {change}"))  # noqa: S608


def test_its_figures_follow_the_books_while_it_is_open(owner: Connection) -> None:
    difference(owner)
    owner.execute(text("UPDATE difference SET amount_minor = 7800, gone_at = found_at"))
    assert owner.execute(text("SELECT amount_minor FROM difference")).scalar_one() == 78_00


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE difference SET kind = 'duplicate'",
        "DELETE FROM difference",
        "DELETE FROM provider_transfer",
        "UPDATE reconciliation SET transfers = 0",
        "ALTER TABLE difference DISABLE TRIGGER USER",
    ],
)
def test_the_app_cannot_rewrite_what_was_found(owner: Connection, act: str) -> None:
    shown(owner)
    difference(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before
