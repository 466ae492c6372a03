"""Sales from a file: priced at once where each sale is, refused by line where it cannot be right, never taken twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

import core.imports as importing
from core.commission import Percent
from core.imports import import_file
from core.imports.reading import UnreadableFile
from core.presets import PRESETS
from tests.builders import policy
from tests.core.imports.desk import (
    BARBER,
    BROKER,
    CREATOR,
    MIA,
    NOW,
    SALE_HEADER,
    Desk,
    only_problem,
    outcome,
)

GOOD = "creator,CRE1,booking,boo_1,2026-11-01T10:00:00Z,100.05,EUR,Video call\n"
BALANCE = (
    "SELECT held, available FROM partner_balance b JOIN partner p ON p.id = b.partner_id WHERE p.code = :code"
)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    assert desk.take("partners", CREATOR + BARBER + BROKER).added == 3
    return desk


def test_a_booking_is_priced_into_a_held_earning_by_the_policy_in_force(desk: Desk):
    assert desk.rows(BALANCE, code="CRE1") == [(0, 0)]
    assert outcome(desk.take("sales", GOOD)) == (1, 0, 0, 0, 0)
    earning = desk.rows("""
        SELECT e.kind, e.source_ref, e.gross_minor, e.fee_minor, e.amount_minor, e.release_at, p.version,
               e.sale_id = s.id, e.import_id = s.import_id, e.made_by
          FROM earning e JOIN policy p ON p.id = e.policy_id JOIN sale s USING (source_ref)""")
    release_at = datetime(2026, 11, 8, 10, tzinfo=UTC)
    assert earning == [
        ("booking", "boo_1", 10005, 1001, 9004, release_at, 1, True, True, "user:mia"),
    ]
    assert desk.rows(BALANCE, code="CRE1") == [(9004, 0)]


def test_a_sale_that_arrives_late_is_priced_by_the_policy_in_force_when_it_happened(desk: Desk):
    half = next(one.policy for one in PRESETS if one.code == "creator").model_copy(
        update={"commission": Percent(pct=Decimal(50))}
    )
    with desk.engine.begin() as conn:
        creator = conn.execute(text("SELECT id FROM program WHERE code = 'creator'")).scalar_one()
        terms = json.dumps(half.model_dump(mode="json"))
        policy(conn, creator, version=2, terms=terms, effective_at=datetime(2026, 11, 10, tzinfo=UTC))
    early = "creator,CRE1,booking,b1,2026-11-09T23:59:59Z,100.00,EUR,Call\n"
    late = "creator,CRE1,booking,b2,2026-11-10T00:00:00Z,100.00,EUR,Call\n"

    assert desk.take("sales", early + late).added == 2

    earned = desk.rows(
        "SELECT e.source_ref, e.amount_minor, p.version FROM earning e JOIN policy p ON p.id = e.policy_id ORDER BY 1"
    )
    assert earned == [("b1", 9000, 1), ("b2", 5000, 2)]


def test_a_barbers_service_waits_for_its_month_and_a_deduction_counts_at_once(desk: Desk):
    rows = "barber,BAR1,service,s1,2026-10-05T10:00:00Z,85.00,USD,Cut\n"
    rows += "barber,BAR1,deduction,d1,2026-10-06T10:00:00Z,-50.00,USD,Booth rent\n"
    assert desk.take("sales", rows).added == 2
    assert desk.rows("SELECT kind, amount_minor, gross_minor, release_at = occurred_at FROM earning") == [
        ("deduction", -5000, 0, True)
    ]
    assert desk.rows(BALANCE, code="BAR1") == [(0, -5000)]
    assert desk.value("SELECT sum(amount_minor) FROM daily_total WHERE measure = 'revenue'") == 8500


WRONG = [
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,NaN,EUR,x", "gross", "NaN is not an amount"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,1e400,EUR,x", "gross", "exponent"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,10.005,EUR,x", "gross", "3 decimals"),
    ('creator,CRE1,booking,b,2026-11-01T10:00:00Z,"12,50",EUR,x', "gross", "write 12.50"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,0.00,EUR,x", "gross", "zero"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,-1.00,EUR,x", "gross", "Only a deduction is negative"),
    ("barber,BAR1,deduction,b,2026-11-01T10:00:00Z,1.00,USD,x", "gross", "A deduction is negative"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00Z,1.00,USD,x", "currency", "creator is in EUR, not USD"),
    ("creator,CRE1,service,b,2026-11-01T10:00:00Z,1.00,EUR,x", "kind", "creator takes booking, not service"),
    ("broker-bounty,BRK1,booking,b,2026-11-01T10:00:00Z,1.00,USD,x", "kind", "takes no sales"),
    ("creator,CRE9,booking,b,2026-11-01T10:00:00Z,1.00,EUR,x", "partner_code", "no partner CRE9"),
    ("creator,BAR1,booking,b,2026-11-01T10:00:00Z,1.00,EUR,x", "partner_code", "belongs to program barber"),
    ("nothing,CRE1,booking,b,2026-11-01T10:00:00Z,1.00,EUR,x", "program", "no program nothing"),
    ("creator,CRE1,booking,b,2026-11-20T12:00:01Z,1.00,EUR,x", "occurred_at", "in the future"),
    ("creator,CRE1,booking,b,2026-11-01T10:00:00,1.00,EUR,x", "occurred_at", "has no zone"),
    ("creator,CRE1,booking,b,31/10/2026,1.00,EUR,x", "occurred_at", "2026-10-31T14:05:00Z"),
    ("creator,CRE1,booking,b,2026-02-30T10:00:00Z,1.00,EUR,x", "occurred_at", "no instant of the calendar"),
    ("creator,CRE1,booking,b,0001-01-01T00:00:00+14:00,1.00,EUR,x", "occurred_at", "calendar"),
    ("creator,CRE1,booking,,2026-11-01T10:00:00Z,1.00,EUR,x", "source_ref", "empty"),
    (f"creator,CRE1,booking,b,2026-11-01T10:00:00Z,1.00,EUR,{'x' * 501}", "description", "500 are the most"),
]


def test_a_row_that_cannot_be_right_is_refused_with_line_column_and_sentence_and_stops_no_other(desk: Desk):
    result = desk.take("sales", "".join(row + "\n" for row, _, _ in WRONG) + GOOD)
    assert outcome(result) == (1, 0, 0, len(WRONG), 0)
    assert [(line, column) for line, column, _ in result.problems] == [
        (line, column) for line, (_, column, _) in enumerate(WRONG, start=2)
    ]
    for (_, _, words), (_, _, sentence) in zip(WRONG, result.problems, strict=True):
        assert words in sentence
    assert desk.rows("SELECT source_ref FROM sale") == [("boo_1",)]


def test_what_is_odd_but_right_goes_in(desk: Desk):
    rows = 'creator,CRE1,booking,=1+1,2026-11-01T12:00:00+02:00,1.00,EUR,"=HYPERLINK(""x"")"\n'
    rows += "creator,CRE1,booking,日本,2024-01-01T10:00:00Z,1,EUR,Müller – 散髪\n"  # before joining
    rows += f"creator,CRE1,booking,c,2026-11-01T10:00:00.5Z,1.0,EUR,{'é' * 500}\n"
    assert outcome(desk.take("sales", rows)) == (3, 0, 0, 0, 0)
    assert desk.rows("SELECT source_ref, description, occurred_at FROM sale ORDER BY id")[0] == (
        "=1+1",
        '=HYPERLINK("x")',
        datetime(2026, 11, 1, 10, tzinfo=UTC),
    )


def test_a_suspended_partners_sales_are_taken_in(desk: Desk):
    assert desk.take("partners", CREATOR.replace(",active", ",suspended")).updated == 1
    assert desk.take("sales", GOOD).added == 1
    assert desk.rows(BALANCE, code="CRE1") == [(9004, 0)]


def test_the_same_reference_with_other_content_is_a_conflict_that_names_both(desk: Desk):
    assert desk.take("sales", GOOD).added == 1
    result = desk.take("sales", GOOD.replace("100.05", "99.00"))
    assert outcome(result) == (0, 0, 0, 0, 1)
    assert only_problem(result) == (
        2,
        "source_ref",
        "boo_1 is already in the books with other content: gross 100.05 there, 99.00 here.",
    )
    assert desk.rows(BALANCE, code="CRE1") == [(9004, 0)]


def test_within_one_file_the_first_row_stands_a_repeat_is_unchanged_and_another_content_a_conflict(
    desk: Desk,
):
    result = desk.take("sales", GOOD + GOOD + GOOD.replace("100.05", "1.23"))
    assert outcome(result) == (1, 0, 1, 0, 1)
    line, _, sentence = only_problem(result)
    assert line == 4
    assert "on line 2 of this file" in sentence
    assert "gross 100.05 there, 1.23 here" in sentence
    assert desk.value("SELECT gross_minor FROM sale") == 10005


def test_references_that_look_the_same_are_the_same(desk: Desk):
    row = "creator,CRE1,booking,{},2026-11-01T10:00:00Z,50.00,EUR,\n"
    assert outcome(desk.take("sales", row.format("caf\u00e9-1") + row.format("cafe\u0301-1"))) == (
        1,
        0,
        1,
        0,
        0,
    )
    unseen = desk.take("sales", row.format("bk-9\u200b") + row.format("bk\u202e-9") + row.format("bk-9"))
    assert outcome(unseen) == (1, 0, 0, 2, 0)
    assert {problem[1:] for problem in unseen.problems} == {
        ("source_ref", "source_ref holds a character that nobody sees.")
    }


def test_a_reference_is_of_its_program_and_never_moves_to_another_partner(desk: Desk):
    other = CREATOR.replace("CRE1", "CRE2").replace("acct_1", "acct_2")
    assert desk.take("partners", other).added == 1
    assert desk.take("sales", GOOD).added == 1
    result = desk.take("sales", GOOD.replace("CRE1", "CRE2"))
    assert outcome(result) == (0, 0, 0, 0, 1)
    assert "partner CRE1 there, CRE2 here" in only_problem(result)[2]
    same_ref = "barber,BAR1,service,boo_1,2026-11-01T10:00:00Z,1.00,USD,x\n"
    assert desk.take("sales", same_ref).added == 1


def test_a_dry_run_tells_the_same_and_changes_nothing(desk: Desk):
    rows = GOOD + GOOD + GOOD.replace("100.05", "NaN").replace("boo_1", "boo_2")
    dry = desk.take("sales", rows, dry_run=True)
    assert desk.rows(
        "SELECT (SELECT count(*) FROM sale), (SELECT count(*) FROM import_file WHERE kind = 'sales')"
    ) == [(0, 0)]
    assert outcome(dry) == (1, 0, 1, 1, 0)
    assert outcome(desk.take("sales", rows)) == outcome(dry)


def test_strict_refuses_the_whole_file_for_one_bad_row(desk: Desk):
    bad = GOOD.replace("boo_1", "boo_2").replace("100.05", "NaN")
    result = desk.take("sales", GOOD + bad, strict=True)
    assert outcome(result) == (0, 0, 0, 2, 0)
    assert only_problem(result)[0] == 3
    assert desk.rows(
        "SELECT (SELECT count(*) FROM sale), (SELECT count(*) FROM import_file WHERE kind = 'sales')"
    ) == [(0, 0)]
    assert outcome(desk.take("sales", GOOD, strict=True)) == (1, 0, 0, 0, 0)


def test_the_rejects_file_mended_goes_in_and_its_own_columns_are_left_out(desk: Desk):
    bad = "creator,CRE1,booking,boo_2,2026-11-01T10:00:00Z,NaN,EUR,=cmd\n"
    result = desk.take("sales", GOOD + bad + GOOD.replace("100.05", "1.00"))
    assert result.rejects_file is not None
    assert result.rejects_file.is_absolute()
    text = result.rejects_file.read_text(encoding="utf-8")
    assert text.splitlines()[0] == SALE_HEADER.strip() + ",line,field,problem"
    mended = desk.folder / "mended.csv"
    mended.write_text(text.replace("NaN", "5.00"), encoding="utf-8")
    assert outcome(desk.take("sales", mended)) == (1, 0, 0, 0, 1)
    assert desk.value("SELECT description FROM sale WHERE source_ref = 'boo_2'") == "=cmd"


def test_a_file_of_several_transactions_knows_its_earlier_lines(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 2)
    rows = (
        "".join(GOOD.replace("boo_1", f"boo_{n}") for n in range(5)) + GOOD + GOOD.replace("100.05", "9.00")
    )
    dry = desk.take("sales", rows, dry_run=True)
    result = desk.take("sales", rows)
    assert outcome(result) == outcome(dry) == (5, 0, 1, 0, 1)
    assert only_problem(result)[2].startswith("boo_1 is already on line 3 of this file")
    files = desk.rows("SELECT (counts->>'rows')::int FROM import_file WHERE kind = 'sales' ORDER BY id")
    assert files == [(2,), (2,), (2,), (1,)]
    assert (
        desk.rows("SELECT action, actor FROM audit WHERE action = 'import.sales'")
        == [("import.sales", "user:mia")] * 4
    )


def test_a_file_that_is_no_such_file_changes_nothing_and_leaves_no_trace(desk: Desk):
    with pytest.raises(UnreadableFile, match="missing"):
        import_file(
            desk.engine, "sales", b"a,b\n1,2\n", file_name="x", actor=MIA, now=NOW, rejects_dir=desk.folder
        )
    assert desk.value("SELECT count(*) FROM import_file WHERE kind = 'sales'") == 0
    assert outcome(desk.take("sales", "")) == (0, 0, 0, 0, 0)


def test_two_imports_of_the_same_file_at_once_take_it_in_once(desk: Desk):
    rows = "".join(GOOD.replace("boo_1", f"boo_{n}") for n in range(50))

    def take(_: int) -> tuple[int, ...]:
        data = (SALE_HEADER + rows).encode()
        folder = desk.folder
        result = import_file(
            desk.engine, "sales", data, file_name="x", actor=MIA, now=NOW, rejects_dir=folder
        )
        return outcome(result)

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(take, range(2))) == [(0, 0, 50, 0, 0), (50, 0, 0, 0, 0)]
    assert desk.rows(BALANCE, code="CRE1") == [(50 * 9004, 0)]
