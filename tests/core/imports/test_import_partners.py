"""Partners from a file: taken in with balance and destination, changed once and kept as history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.core.imports.desk import BARBER, BROKER, CREATOR, NOW, Desk, only_problem, outcome

HOLDS = "SELECT h.reason, h.until FROM hold h WHERE closed_at IS NULL ORDER BY h.id"
DESTINATIONS = "SELECT method, account, replaces_id IS NOT NULL FROM destination ORDER BY id"


def test_a_new_partner_has_an_identity_a_destination_and_an_empty_balance_at_the_programs_mark(desk: Desk):
    assert desk.take("partners", CREATOR).added == 1
    assert desk.rows("""
        SELECT p.code, g.code, i.name, i.email, p.country, p.method, p.status, d.account, b.released_to = g.released_to,
               b.held + b.available + b.reserved + b.paid
          FROM partner p JOIN program g ON g.id = p.program_id JOIN identity i ON i.id = p.identity_id
          JOIN destination d ON d.id = p.destination_id JOIN partner_balance b ON b.partner_id = p.id
    """) == [("CRE1", "creator", "Ana Silva", "ana@example.com", "DE", "stripe", "active", "acct_1", True, 0)]
    assert desk.rows(HOLDS) == []


def test_every_method_has_its_destination_or_none(desk: Desk):
    rows = "".join(
        f"barber,B{n},N,{email},,US,USD,{method},{account},2025-01-01,active\n"
        for n, (method, account, email) in enumerate(
            [
                ("stripe", "acct_1", ""),
                ("stripe_instant", "", "x@example.com"),
                ("paypal", "", "Ana@Example.com"),
                ("paypal", "acct_1", ""),
                ("check", "", ""),
                ("bank_transfer", "", ""),
                ("manual", "", ""),
            ]
        )
    )
    assert desk.take("partners", rows).added == 7
    assert desk.rows("""
        SELECT p.code, d.method, d.account FROM partner p LEFT JOIN destination d ON d.id = p.destination_id ORDER BY 1
    """) == [
        ("B0", "stripe", "acct_1"),
        ("B1", None, None),
        ("B2", "paypal", None),
        ("B3", None, None),
        ("B4", "check", "B4"),
        ("B5", "bank_transfer", "B5"),
        ("B6", "manual", "B6"),
    ]


def test_the_hold_on_a_new_partner_runs_from_joining_and_starts_only_if_not_over(desk: Desk):
    joined = (NOW - timedelta(days=59)).date()
    rows = BROKER.replace("2025-01-01", joined.isoformat())
    rows += BROKER.replace("BRK1", "BRK2").replace("2025-01-01", (joined - timedelta(days=1)).isoformat())
    assert desk.take("partners", rows).added == 2
    assert desk.rows(HOLDS) == [("new_partner", datetime(2026, 11, 21, tzinfo=UTC))]


def test_a_changed_account_opens_a_new_destination_under_a_hold_once(desk: Desk):
    assert desk.take("partners", CREATOR).added == 1
    assert outcome(desk.take("partners", CREATOR.replace("acct_1", "acct_2"))) == (0, 1, 0, 0, 0)
    assert outcome(desk.take("partners", CREATOR.replace("acct_1", "acct_2"))) == (0, 0, 1, 0, 0)
    assert desk.rows(DESTINATIONS) == [("stripe", "acct_1", False), ("stripe", "acct_2", True)]
    assert desk.rows(HOLDS) == [("destination_changed", NOW + timedelta(days=7))]
    ids = [row[0] for row in desk.rows("SELECT id FROM destination ORDER BY id")]
    assert desk.rows("SELECT field, old_value, new_value FROM change") == [("destination", *map(str, ids))]
    assert desk.value("SELECT destination_id FROM partner") == ids[1]


def test_the_first_account_ever_given_starts_no_hold_and_a_changed_method_does(desk: Desk):
    assert desk.take("partners", CREATOR.replace("acct_1", "")).added == 1
    assert desk.take("partners", CREATOR).updated == 1
    assert desk.rows(HOLDS) == []
    assert desk.take("partners", CREATOR.replace("stripe", "paypal")).updated == 1
    assert desk.rows(HOLDS) == [("destination_changed", NOW + timedelta(days=7))]
    assert desk.rows("SELECT method, destination_id IS NOT NULL FROM partner") == [("paypal", True)]


def test_an_account_taken_away_and_given_again_starts_the_hold(desk: Desk):
    assert desk.take("partners", CREATOR).added == 1
    assert desk.take("partners", CREATOR.replace("acct_1", "")).updated == 1
    assert desk.value("SELECT destination_id FROM partner") is None
    later = NOW + timedelta(days=30)
    assert desk.take("partners", CREATOR, now=later).updated == 1
    assert desk.rows(HOLDS)[-1] == ("destination_changed", later + timedelta(days=7))
    assert desk.rows(DESTINATIONS)[-1] == ("stripe", "acct_1", True)


def test_for_paypal_a_changed_email_is_a_changed_destination_and_its_writing_is_not(desk: Desk):
    assert desk.take("partners", BROKER).added == 1
    assert desk.take("partners", BROKER.replace("cy@", "CY@")).updated == 1
    assert desk.rows(HOLDS) == []
    assert desk.take("partners", BROKER.replace("cy@", "eve@")).updated == 1
    assert desk.rows(HOLDS) == [("destination_changed", NOW + timedelta(days=7))]
    assert desk.rows("SELECT old_value, new_value FROM change WHERE field = 'email'") == [(None, None)] * 2
    leaked = desk.rows("SELECT count(*) FROM destination WHERE account LIKE '%@%'")
    assert leaked == [(0,)]


def test_details_are_updated_and_kept_as_history(desk: Desk):
    assert desk.take("partners", BARBER).added == 1
    changed = BARBER.replace("Bo Lind", "Bo Berg").replace(",US,", ",CA,").replace(",active", ",suspended")
    assert desk.take("partners", changed).updated == 1
    assert desk.rows("SELECT field, old_value, new_value FROM change ORDER BY field") == [
        ("country", "US", "CA"),
        ("name", None, None),
        ("status", "active", "suspended"),
    ]
    assert desk.rows("SELECT status, country FROM partner") == [("suspended", "CA")]
    assert desk.rows(HOLDS) == []


def test_a_code_is_one_partner_across_programs(desk: Desk):
    assert desk.take("partners", CREATOR).added == 1
    result = desk.take("partners", BARBER.replace("BAR1", "CRE1"))
    assert outcome(result) == (0, 0, 0, 0, 1)
    assert "is a partner of creator, not barber" in only_problem(result)[2]


def test_within_one_file_a_repeat_is_unchanged_and_another_content_a_conflict(desk: Desk):
    result = desk.take("partners", CREATOR + CREATOR + CREATOR.replace("acct_1", "acct_2"))
    assert outcome(result) == (1, 0, 1, 0, 1)
    assert only_problem(result)[2] == "CRE1 is already on line 2 of this file with other content."


WRONG = [
    ("nothing,X1,N,,,US,USD,stripe,,2025-01-01,active", "program", "no program nothing"),
    ("barber,=X1,N,,,US,USD,stripe,,2025-01-01,active", "code", "is not a code"),
    ("barber,X1,,,,US,USD,stripe,,2025-01-01,active", "name", "empty"),
    ("barber,X1,N,not an email,,US,USD,stripe,,2025-01-01,active", "email", "not an email"),
    ("barber,X1,N,,gold,US,USD,stripe,,2025-01-01,active", "tier", "it has none"),
    (
        "reseller,X1,N,,gold,US,USD,stripe,,2025-01-01,active",
        "tier",
        "affiliate, reseller, technology, white_label",
    ),
    ("barber,X1,N,,,USA,USD,stripe,,2025-01-01,active", "country", "two letters"),
    ("barber,X1,N,,,US,EUR,stripe,,2025-01-01,active", "currency", "barber is in USD, not EUR"),
    ("barber,X1,N,,,US,USD,cash,,2025-01-01,active", "method", "write one of stripe"),
    ("barber,X1,N,,,US,USD,stripe,12345,2025-01-01,active", "stripe_account_id", "begins with acct_"),
    ("barber,X1,N,,,US,USD,stripe,,01.02.2025,active", "joined_on", "write it like 2026-10-31"),
    ("barber,X1,N,,,US,USD,stripe,,2026-11-21,active", "joined_on", "in the future"),
    ("barber,X1,N,,,US,USD,stripe,,2025-01-01,gone", "status", "write one of active"),
]


def test_a_row_that_cannot_be_right_is_refused_with_line_column_and_sentence_and_stops_no_other(desk: Desk):
    result = desk.take("partners", "".join(row + "\n" for row, _, _ in WRONG) + CREATOR)
    assert outcome(result) == (1, 0, 0, len(WRONG), 0)
    assert [(line, column) for line, column, _ in result.problems] == [
        (line, column) for line, (_, column, _) in enumerate(WRONG, start=2)
    ]
    for (_, _, words), (_, _, sentence) in zip(WRONG, result.problems, strict=True):
        assert words in sentence
