"""From bytes to rows: every fault has its line and its sentence, and stops no other row."""

from __future__ import annotations

import csv
import io

import pytest

from core.imports.reading import Column, Row, UnreadableFile, read_rows, write_rejects

COLUMNS = (
    Column(name="ref", limit=10),
    Column(name="amount", limit=20),
    Column(name="note", limit=30, required=False, multiline=True),
)


def read(text: str | bytes) -> list[Row]:
    return list(read_rows(text.encode() if isinstance(text, str) else text, COLUMNS))


def values(rows: list[Row]) -> list[tuple[int, str, str, str]]:
    return [(row.line, row.values["ref"], row.values["amount"], row.values["note"]) for row in rows]


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(data)
    return refused.value.sentence


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_any_line_ending_bom_and_either_delimiter_read_the_same(newline: str, bom: str, delimiter: str):
    text = bom + newline.join(["ref,amount,note", "a,1.00,Zoë 日本", '"b",2.00,'])
    rows = read(text.replace(",", delimiter))
    assert values(rows) == [(2, "a", "1.00", "Zoë 日本"), (3, "b", "2.00", "")]
    assert not any(row.problems for row in rows)


def test_quoted_header_columns_in_another_order_and_other_case_are_read():
    assert values(read('"Note";"REF"; amount \nx;a;1')) == [(2, "a", "1", "x")]


def test_a_quoted_text_may_hold_lines_and_the_lines_after_it_keep_their_numbers():
    rows = read('ref,amount,note\na,1,"one\r\ntwo, ""three"""\nb,2,x\n\nc,3,y\n')
    assert values(rows) == [(2, "a", "1", 'one\r\ntwo, "three"'), (4, "b", "2", "x"), (6, "c", "3", "y")]


def test_a_quote_never_closed_costs_its_own_line_only():
    rows = read('ref,amount,note\na,1,x\nb,2,"open\nc,3,y\n')
    assert [(row.line, bool(row.problems)) for row in rows] == [(2, False), (3, True), (4, False)]
    assert "never closed" in rows[1].problems[0][1]


def test_text_after_a_closing_quote_is_refused_by_line():
    rows = read('ref,amount,note\na,1,"x"y\nb,2,z\n')
    assert [(row.line, bool(row.problems)) for row in rows] == [(2, True), (3, False)]


def test_more_or_fewer_fields_than_the_header_are_refused_by_line():
    rows = read("ref,amount,note\na,12,50,x\nb,2\nc,3,y\n")
    assert [row.line for row in rows if row.problems] == [2, 3]
    assert "4 fields" in rows[0].problems[0][1]
    assert "'x'" in rows[0].problems[0][1]
    assert "2 fields" in rows[1].problems[0][1]


def test_rows_without_any_text_are_left_out():
    assert values(read("ref,amount,note\n,,\n  \na,1,\n,,\n")) == [(3 + 1, "a", "1", "")]


def test_missing_unknown_and_repeated_columns_are_named():
    assert "missing: amount" in refusal(b"ref,note\n")
    assert "unknown: colour" in refusal(b"ref,amount,note,colour\n")
    assert "there twice: ref" in refusal(b"ref,amount,note,ref\n")
    assert "empty" in refusal(b"")


def test_another_encoding_is_refused_with_byte_and_line():
    sentence = refusal("ref,amount,note\na,1,x\nb,2,Müller\n".encode("latin-1"))
    assert "byte 28" in sentence
    assert "0xfc" in sentence
    assert "line 3" in sentence
    assert "UTF-16" in refusal("ref,amount,note\n".encode("utf-16"))


def test_control_characters_are_refused_and_lines_only_in_running_text():
    rows = read('ref,amount,note\na\x00,1,x\nb,2,x\x07\n"c\nd",3,x\ne,4,"x\ny"\n')
    assert [[name for name, _ in row.problems] for row in rows] == [["ref"], ["note"], ["ref"], []]


def test_a_text_over_its_limit_is_refused_and_at_its_limit_taken():
    rows = read(f"ref,amount,note\na,1,{'x' * 31}\nb,2,{'é' * 30}\n")
    assert rows[0].problems == [("note", "note has 31 characters; 30 are the most it may have.")]
    assert not rows[1].problems


def test_an_empty_value_is_refused_where_one_is_required():
    assert read("ref,amount,note\na,,\n")[0].problems == [("amount", "amount is empty.")]


@pytest.mark.parametrize(
    "note", ["=1+1", "'=1+1", "''@x", "'quoted", "-5", "+x", "line\nbreak", 'a "b"; c', "@"]
)
def test_a_mended_rejects_file_reads_as_the_row_was(note: str):
    rows = [Row(7, [], {"ref": "a", "amount": "-20.00", "note": note}, [("amount", "Too little.")])]
    written = write_rejects(COLUMNS, rows)
    assert values(read(written)) == [(2, "a", "-20.00", note)]
    line, column, problem = next(iter(list(csv.reader(io.StringIO(written.decode())))[1:]))[3:]
    assert (line, column, problem) == ("7", "amount", "Too little.")


def test_no_cell_of_a_rejects_file_begins_like_a_formula():
    notes = ["=1+1", "+cmd", "@sum", "-x"]
    rows = [
        Row(n, [], {"ref": "a", "amount": "1", "note": note}, [("", "No.")]) for n, note in enumerate(notes)
    ]
    cells = [cells[2] for cells in csv.reader(io.StringIO(write_rejects(COLUMNS, rows).decode()))][1:]
    assert [cell[0] for cell in cells] == ["'"] * 4


def test_the_problem_is_told_as_text_even_where_it_begins_with_what_stood_there():
    rows = [Row(7, [], {"ref": "a", "amount": "=1+1", "note": ""}, [("amount", "=1+1 is not an amount.")])]
    _, (*_, problem) = csv.reader(io.StringIO(write_rejects(COLUMNS, rows).decode()))
    assert problem == "'=1+1 is not an amount."
