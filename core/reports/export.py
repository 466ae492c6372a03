"""Tables to take home: CSV that a spreadsheet opens as it is meant, and never runs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import pandas as pd

from core.money import to_decimal

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for something else
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_text(value: str) -> str:
    """Return the text so that no spreadsheet runs it: what could begin a formula gets an apostrophe before it."""
    # Some programs drop blanks and invisible marks before they look for the sign.
    begins = value.lstrip(" \u00a0\u200b\ufeff\x00")
    return f"'{value}" if begins.startswith(FORMULA_STARTS) else value


def cell(value: object) -> object:
    """Return one value as it is written: numbers as numbers, instants as ISO 8601, lists joined, nothing as empty."""
    if isinstance(value, list | tuple):
        return safe_text(", ".join(str(part) for part in value))
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return safe_text(value) if isinstance(value, str) else value


def in_major_units(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every amount as people write it: `net_minor` becomes `net`, a decimal number by the
    currency of its row.
    """
    amounts = [str(name) for name in frame.columns if str(name).endswith("_minor")]
    major = {
        name: pd.Series(
            [
                None if pd.isna(minor) else to_decimal(int(minor), currency)
                for minor, currency in zip(frame[name].tolist(), frame["currency"].tolist(), strict=True)
            ],
            index=frame.index,
            dtype="object",
        )
        for name in amounts
    }
    return frame.assign(**major).rename(columns={name: name.removesuffix("_minor") for name in amounts})


def csv_chunks(
    frames: Iterable[pd.DataFrame], *, columns: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """Yield a CSV file piece by piece, one piece per frame; UTF-8 with a byte order mark, lines end in CRLF.

    Amounts are written as people write them where the frame has their currency. `columns` names the columns to write and
    their headings, in that order; without it all are written.
    """
    names: Sequence[str] | None = None
    for found in frames:
        frame = in_major_units(found) if "currency" in found.columns else found
        text = io.StringIO()
        write = csv.writer(text).writerow
        if names is None:
            names = list(columns) if columns is not None else [str(name) for name in frame.columns]
            headings = list(columns.values()) if columns is not None else names
            write([safe_text(heading) for heading in headings])
            yield BYTE_ORDER_MARK
        for row in zip(*(frame[name].tolist() for name in names), strict=True):
            write([cell(value) for value in row])
        yield text.getvalue().encode()


def csv_bytes(frames: Iterable[pd.DataFrame], *, columns: Mapping[str, str] | None = None) -> bytes:
    """Return the whole file of `csv_chunks`."""
    return b"".join(csv_chunks(frames, columns=columns))
