"""Customers from a file: new ones, updates kept as history, and what a file may not change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.core.imports.desk import BROKER, CREATOR, Desk, only_problem, outcome

ACTIVE = "cus_1,Ito Studio,BRK1,2026-09-01T10:00:00Z,active,\n"
CANCELLED = "cus_1,Ito Studio,BRK1,2026-09-01T10:00:00Z,cancelled,2026-10-01T10:00:00Z\n"
HISTORY = "SELECT field, old_value, new_value, made_by FROM change WHERE subject = 'customer' ORDER BY id"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    assert desk.take("partners", BROKER + BROKER.replace("BRK1", "BRK2") + CREATOR).added == 3
    return desk


def test_a_cancellation_is_an_update_applied_once_and_kept_as_history(desk: Desk):
    assert outcome(desk.take("customers", ACTIVE)) == (1, 0, 0, 0, 0)
    assert outcome(desk.take("customers", ACTIVE)) == (0, 0, 1, 0, 0)
    assert desk.value("SELECT cancelled_at FROM customer") is None
    assert outcome(desk.take("customers", CANCELLED)) == (0, 1, 0, 0, 0)
    assert outcome(desk.take("customers", CANCELLED)) == (0, 0, 1, 0, 0)
    assert desk.value("SELECT cancelled_at FROM customer") == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert desk.rows(HISTORY) == [("cancelled_at", None, "2026-10-01T10:00:00Z", "user:mia")]


def test_a_cancellation_entered_by_mistake_is_taken_back_and_kept_as_history(desk: Desk):
    assert outcome(desk.take("customers", CANCELLED)) == (1, 0, 0, 0, 0)
    assert outcome(desk.take("customers", ACTIVE)) == (0, 1, 0, 0, 0)
    assert desk.value("SELECT cancelled_at FROM customer") is None
    assert desk.rows(HISTORY) == [("cancelled_at", "2026-10-01T10:00:00Z", None, "user:mia")]


def test_a_changed_name_leaves_no_name_in_the_history_and_a_blanked_one_stays_blank(desk: Desk):
    assert desk.take("customers", ACTIVE).added == 1
    assert desk.take("customers", ACTIVE.replace("Ito", "Zoë")).updated == 1
    assert desk.value("SELECT i.name FROM identity i JOIN customer c ON c.identity_id = i.id") == "Zoë Studio"
    assert desk.rows(HISTORY) == [("name", None, None, "user:mia")]
    with desk.engine.begin() as conn:
        conn.execute(text("UPDATE identity SET name = NULL, email = NULL, blanked_at = now()"))
    assert desk.take("customers", ACTIVE).unchanged == 1
    assert desk.value("SELECT i.name FROM identity i JOIN customer c ON c.identity_id = i.id") is None


def test_a_customer_is_never_moved_to_another_partner_by_a_file(desk: Desk):
    assert desk.take("customers", ACTIVE).added == 1
    result = desk.take("customers", ACTIVE.replace("BRK1", "BRK2"))
    assert outcome(result) == (0, 0, 0, 0, 1)
    assert "was referred by BRK1, not BRK2" in only_problem(result)[2]
    assert desk.value("SELECT p.code FROM customer c JOIN partner p ON p.id = c.partner_id") == "BRK1"


def test_the_sign_up_may_be_mended_until_something_was_earned_by_it(desk: Desk):
    mended = ACTIVE.replace("2026-09-01", "2026-09-02")
    assert desk.take("customers", ACTIVE).added == 1
    assert desk.take("customers", mended).updated == 1
    with desk.engine.begin() as conn:
        conn.execute(
            text("""
            WITH new AS (
                INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, occurred_at, release_at,
                                     customer_id, made_by)
                SELECT program_id, partner_id, 'bounty', ref, 50000, signed_up_at, signed_up_at, id, 'job:accrue'
                  FROM customer RETURNING *),
            opened AS (INSERT INTO open_item SELECT id, partner_id, amount_minor, release_at FROM new)
            INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id,
                                         effective_at)
            SELECT partner_id, 'earn', 'earnings', 'held', amount_minor, 'USD', id, now() FROM new
            """)
        )
    result = desk.take("customers", ACTIVE)
    assert outcome(result) == (0, 0, 0, 0, 1)
    assert only_problem(result)[1] == "signed_up_at"
    assert desk.value("SELECT signed_up_at FROM customer") == datetime(2026, 9, 2, 10, tzinfo=UTC)
    cancelled = CANCELLED.replace("2026-09-01", "2026-09-02")
    assert desk.take("customers", cancelled).updated == 1


WRONG = [
    ("cus_2,x,NOBODY,2026-09-01T10:00:00Z,active,", "referral_code", "no partner NOBODY"),
    ("cus_2,x,CRE1,2026-09-01T10:00:00Z,active,", "referral_code", "does not pay by customers"),
    ("cus_2,x,BRK1,2027-09-01T10:00:00Z,active,", "signed_up_at", "in the future"),
    ("cus_2,x,BRK1,2026-09-01T10:00:00Z,cancelled,2027-01-01T00:00:00Z", "cancelled_at", "in the future"),
    ("cus_2,x,BRK1,2026-09-01,active,", "signed_up_at", "not an instant"),
    ("cus_2,x,BRK1,2026-09-01T10:00:00Z,gone,", "status", "write active or cancelled"),
    ("cus_2,x,BRK1,2026-09-01T10:00:00Z,active,2026-10-01T10:00:00Z", "cancelled_at", "has no cancelled_at"),
    ("cus_2,x,BRK1,2026-09-01T10:00:00Z,cancelled,", "cancelled_at", "needs cancelled_at"),
    (
        "cus_2,x,BRK1,2026-09-01T10:00:00Z,cancelled,2026-08-01T10:00:00Z",
        "cancelled_at",
        "before signed_up_at",
    ),
    (f"cus_2,{'x' * 201},BRK1,2026-09-01T10:00:00Z,active,", "name", "200 are the most"),
    (f"{'x' * 101},x,BRK1,2026-09-01T10:00:00Z,active,", "customer_ref", "100 are the most"),
]


def test_a_row_that_cannot_be_right_is_refused_with_line_column_and_sentence_and_stops_no_other(desk: Desk):
    result = desk.take("customers", "".join(row + "\n" for row, _, _ in WRONG) + ACTIVE)
    assert outcome(result) == (1, 0, 0, len(WRONG), 0)
    assert [(line, column) for line, column, _ in result.problems] == [
        (line, column) for line, (_, column, _) in enumerate(WRONG, start=2)
    ]
    for (_, _, words), (_, _, sentence) in zip(WRONG, result.problems, strict=True):
        assert words in sentence


def test_within_one_file_a_repeat_is_unchanged_and_another_content_a_conflict(desk: Desk):
    result = desk.take("customers", ACTIVE + ACTIVE + CANCELLED)
    assert outcome(result) == (1, 0, 1, 0, 1)
    assert only_problem(result) == (
        4,
        "customer_ref",
        "cus_1 is already on line 2 of this file with other content.",
    )


def test_a_customer_older_than_the_partners_joining_is_taken_in(desk: Desk):
    assert desk.take("customers", ACTIVE.replace("2026-09-01", "2020-01-01")).added == 1


def test_a_dry_run_of_changes_tells_the_same_and_changes_nothing(desk: Desk):
    assert desk.take("customers", ACTIVE).added == 1
    assert outcome(desk.take("customers", CANCELLED, dry_run=True)) == (0, 1, 0, 0, 0)
    assert desk.value("SELECT cancelled_at FROM customer") is None
    assert desk.rows(HISTORY) == []


@pytest.mark.parametrize("lines", [ACTIVE + CANCELLED, CANCELLED + ACTIVE])
def test_within_one_file_another_content_is_a_conflict_also_after_a_repeat_of_the_books(
    desk: Desk, lines: str
):
    assert desk.take("customers", lines.splitlines(keepends=True)[0]).added == 1
    before = desk.rows("SELECT cancelled_at FROM customer")
    assert outcome(desk.take("customers", lines)) == (0, 0, 1, 0, 1)
    assert desk.rows("SELECT cancelled_at FROM customer") == before
