"""How a command answers: one JSON document, or the same content as short text."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

Document = Mapping[str, object] | Sequence[Mapping[str, object]]


def plain(value: object) -> str:
    """Write what JSON has no word for: instants in UTC with a Z, everything else as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def show(document: Document, *, as_json: bool) -> None:
    """Print a document on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(document, default=plain, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(document)) + "\n")
    sys.stdout.flush()


def _lines(document: Document) -> list[str]:
    if not isinstance(document, Mapping):
        return _table(document) if document else ["none"]
    lines, width = [], max((len(key) for key in document), default=0)
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            lines += [key, *(f"  {line}" for line in _lines(value))]
        elif _is_rows(value):
            lines += [key, *(f"  {line}" for line in _table(value))]
        else:
            lines.append(f"{key:<{width}}  {_cell(value)}")
    return lines


def _is_rows(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and isinstance(value[0], Mapping)
    )


def _table(rows: object) -> list[str]:
    assert isinstance(rows, Sequence)
    heads = list(rows[0])
    cells = [[_cell(row.get(head)) for head in heads] for row in rows]
    numeric = [all(_is_figure(row.get(head)) for row in rows) for head in heads]
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return [line(heads), *(line(row) for row in cells)]


def _is_figure(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_cell(inner) for inner in value) if value else "none"
    return plain(value).replace("\n", " ")


def amounts(by_currency: Mapping[str, int]) -> list[dict[str, object]]:
    """Return amounts as scripts read them: a list of currency and minor units, sorted by currency."""
    return [
        {"currency": currency, "amount_minor": minor}
        for currency, minor in sorted(by_currency.items())
        if minor
    ]
