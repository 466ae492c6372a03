"""From the bytes of a file to rows of text, each with its physical line; and back to a file of rejects.

A fault of the whole file (encoding, columns) refuses the file; a fault of one row is that row's problem and stops no other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from unicodedata import category, normalize

from core.refusals import Refusal

MAX_BYTES = 256 * 1024 * 1024
MAX_RECORD_LINES = 100  # a quote still open after that was never closed
REJECT_COLUMNS = ("line", "field", "problem")  # what a rejects file adds and a second import leaves out


class UnreadableFile(Refusal):
    """The file cannot be read."""

    code = "unreadable_file"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an import: the longest text it takes, whether it may be empty, whether its text may have lines.

    `is_key` tells that it names what happened at the source: two texts that look the same must be the same. A file may
    leave out a whole column that `may_miss`: it is read as empty. What `is_secret` stands in no file of rejects.
    """

    name: str
    limit: int
    required: bool = True
    multiline: bool = False
    is_key: bool = False
    may_miss: bool = False
    is_secret: bool = False


@dataclass(slots=True)
class Row:
    """One record: the line it starts on, its fields as they stood, its values by column, and what is wrong with it."""

    line: int
    fields: list[str]
    values: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, column: str, sentence: str) -> None:
        """Note one thing that is wrong: the column ('' for the row as a whole) and a sentence."""
        self.problems.append((column, sentence))


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
CONTROL_OR_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
UNSEEN = frozenset({"Cf", "Zl", "Zp"})  # joiners, marks of direction and the like


def decode(data: bytes) -> str:
    """Return the text of a UTF-8 file, with or without a BOM, or refuse UnreadableFile naming byte and line."""
    if len(data) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1024**2} MB: split it.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("The file is encoded as UTF-16, not UTF-8: save it as CSV UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        at = fault.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, at) + 1
        raise UnreadableFile(
            f"The file is not UTF-8: byte {at + 1} (0x{data[at]:02x}) on line {line} does not fit. "
            "Save it as CSV UTF-8."
        ) from None


def read_rows(data: bytes, columns: Sequence[Column]) -> Iterator[Row]:
    """Yield each record of a CSV file with its line, checked against the columns' limits.

    Comma or semicolon, as in the header; any line ending; quoted text may hold lines. Rows without any text are left
    out. UnreadableFile is refused for another encoding, and for columns that are missing, unknown or there twice.
    """
    text = decode(data)
    lines = list(io.StringIO(text, newline=""))
    first = next((line for line in lines if not line.isspace()), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    records = _records(lines, delimiter)
    _, header, fault = next(records, (1, [], ""))
    if fault:
        raise UnreadableFile(f"The header cannot be read: {fault}")
    names = _check_header(header, columns)
    from_rejects = set(REJECT_COLUMNS) <= set(names)
    left_out = [column.name for column in columns if column.name not in names]
    any_control = CONTROL.search(text) is not None
    for line, fields, fault in records:
        if not fault and not any(fields):
            continue
        row = Row(line, fields, {})
        if fault:
            row.refuse("", fault)
        elif len(fields) != len(names):
            row.refuse("", _wrong_count(fields, names, delimiter))
        else:
            row.values = {
                name: _unmasked(value.strip()) if from_rejects else value.strip()
                for name, value in zip(names, fields, strict=True)
                if name not in REJECT_COLUMNS
            }
            row.values |= dict.fromkeys(left_out, "")
            _check_texts(row, columns, any_control=any_control)
        if row.problems and not row.values:
            row.values = dict(zip((n for n in names if n not in REJECT_COLUMNS), fields, strict=False))
        yield row


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield (line, fields, fault) for each record; an unclosed quote costs its own line only."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if '"' not in line:
            at += 1
            bare = line.rstrip("\r\n")
            if bare and not bare.isspace():
                yield at, bare.split(delimiter), ""
            continue
        reader = csv.reader(islice(lines, at, at + MAX_RECORD_LINES), delimiter=delimiter, strict=True)
        try:
            fields = next(reader)
        except csv.Error as fault:
            at += 1
            if "end of data" in str(fault):
                yield at, [line.rstrip("\r\n")], "A quote opened on this line is never closed."
            else:
                yield (
                    at,
                    [line.rstrip("\r\n")],
                    'A closing quote is followed by more text; write " inside text as "".',
                )
            continue
        yield at + 1, fields, ""
        at += reader.line_num


def _check_header(header: Sequence[str], columns: Sequence[Column]) -> list[str]:
    names = [name.strip().lower() for name in header]
    wanted = [column.name for column in columns]
    if not any(names):
        raise UnreadableFile(f"The file is empty. Its first line must name the columns {', '.join(wanted)}.")
    missing = [column.name for column in columns if column.name not in names and not column.may_miss]
    extra = [name or "(no name)" for name in names if name not in wanted and name not in REJECT_COLUMNS]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [
        f"{word} {', '.join(found)}"
        for word, found in (("missing:", missing), ("unknown:", extra), ("there twice:", twice))
        if found
    ]
    if faults:
        raise UnreadableFile(f"The columns are not as expected: {'; '.join(faults)}.")
    return names


def _wrong_count(fields: Sequence[str], names: Sequence[str], delimiter: str) -> str:
    word = "comma" if delimiter == "," else "semicolon"
    sentence = f"This row has {len(fields)} fields where the header has {len(names)}"
    if len(fields) > len(names):
        over = delimiter.join(fields[len(names) :])[:60]
        return f"{sentence}, left over: {over!r}. A text with a {word} in it needs quotes around it."
    return f"{sentence}."


def _check_texts(row: Row, columns: Sequence[Column], *, any_control: bool) -> None:
    for column in columns:
        value = row.values[column.name]
        if not value:
            if column.required:
                row.refuse(column.name, f"{column.name} is empty.")
            continue
        if len(value) > column.limit:
            row.refuse(
                column.name,
                f"{column.name} has {len(value):,} characters; {column.limit} are the most it may have.",
            )
        if column.multiline:
            if any_control and CONTROL.search(value):
                row.refuse(column.name, f"{column.name} holds a control character.")
        elif CONTROL_OR_LINE.search(value):
            row.refuse(column.name, f"{column.name} holds a line break, tab or control character.")
        if column.is_key and not value.isascii():
            row.values[column.name] = normalize("NFC", value)
            if any(category(letter) in UNSEEN for letter in value):
                row.refuse(column.name, f"{column.name} holds a character that nobody sees.")


# A spreadsheet runs a cell that begins like a formula. In a rejects file such a text gets an apostrophe, and reading a
# rejects file takes exactly that one off again.
MASKED = re.compile(r"'*[=+\-@\t\r]")
PLAIN_NUMBER = re.compile(r"-?\d+([.,]\d+)?")


def _masked(value: str) -> str:
    return f"'{value}" if MASKED.match(value) and not PLAIN_NUMBER.fullmatch(value) else value


def _unmasked(value: str) -> str:
    return value[1:] if value.startswith("'") and MASKED.match(value) else value


def write_rejects(columns: Sequence[Column], rejects: Sequence[Row]) -> bytes:
    """Return a UTF-8 CSV of refused rows with their line, field and problem, made to be mended and imported again."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*(column.name for column in columns), *REJECT_COLUMNS])
    for row in sorted(rejects, key=lambda row: row.line):
        values: Mapping[str, str] = row.values
        writer.writerow(
            [
                *("" if column.is_secret else _masked(values.get(column.name, "")) for column in columns),
                row.line,
                ", ".join(dict.fromkeys(name for name, _ in row.problems if name)),
                _masked(
                    " ".join(sentence for _, sentence in row.problems)
                ),  # some begin with what stood there
            ]
        )
    return out.getvalue().encode()
