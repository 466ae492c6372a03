"""Tables to take home open as data, never as formulas."""

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from core.reports.export import csv_bytes, csv_chunks, in_major_units


def read(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a", "  =1", "\u200b=1"],
)
def test_text_that_begins_like_a_formula_is_text(text: str):
    frame = pd.DataFrame({"name": [text]})
    assert read(csv_bytes([frame]))[1] == [f"'{text}"]


def test_numbers_stay_numbers_and_nothing_stays_empty():
    frame = pd.DataFrame({"amount_minor": pd.array([-6600, None], dtype="Int64"), "name": ["Ana", None]})
    assert read(csv_bytes([frame])) == [["amount_minor", "name"], ["-6600", "Ana"], ["", ""]]


def test_quotes_commas_and_lines_inside_a_text_come_back_as_they_were():
    text = 'a "b", c\r\nd; é 漢'
    assert read(csv_bytes([pd.DataFrame({"note": [text]})]))[1] == [text]


def test_columns_are_chosen_named_and_ordered():
    frame = pd.DataFrame({"a": [1], "b": ["x"], "c": [3]})
    assert read(csv_bytes([frame], columns={"c": "Third", "a": "First"})) == [["Third", "First"], ["3", "1"]]


def test_lists_and_instants_are_written_for_people_and_programs():
    frame = pd.DataFrame(
        {"signals": [["first_payout", "set_aside"]], "at": [datetime(2026, 3, 2, 9, tzinfo=UTC)]}
    )
    assert read(csv_bytes([frame]))[1] == ["first_payout, set_aside", "2026-03-02T09:00:00+00:00"]


def test_a_file_of_many_frames_has_one_heading_and_every_row():
    frames = (pd.DataFrame({"n": [2 * i, 2 * i + 1]}) for i in range(3))
    chunks = list(csv_chunks(frames))
    assert len(chunks) == 4
    assert read(b"".join(chunks)) == [["n"], *([str(n)] for n in range(6))]


def test_amounts_are_written_as_people_write_them_by_the_currency_of_the_row():
    minor = pd.DataFrame(
        {
            "net_minor": pd.array([-6600, 1234, 1500, None], dtype="Int64"),
            "currency": ["USD", "JPY", "KWD", "EUR"],
        }
    )
    assert read(csv_bytes([in_major_units(minor)])) == [
        ["net", "currency"],
        ["-66.00", "USD"],
        ["1234", "JPY"],
        ["1.500", "KWD"],
        ["", "EUR"],
    ]
